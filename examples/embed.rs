//! A host and its plugin: `cargo run --example embed`.

use airssys_wasm::identity::{SecretKey, Trust, sign};
use airssys_wasm::{ComponentRuntime, Config};

const PLUGIN: &[u8] = include_bytes!("../tests/guests/probe-process/probe-process.wasm");
const MANIFEST: &str = "[component]\nname = 'echo'\npublisher = 'acme'\nversion = '1.0.0'\nrelease = 1\n";
const POLICY: &str = "permit (principal == Component::\"acme/echo\",
    action == Action::\"random:read\", resource is Random);";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The author signs with a key, the host trusts that key for the author's name.
    let key = SecretKey::generate()?;
    let signed = sign(PLUGIN, MANIFEST, &key)?;
    let key = key.public_key().to_text();
    let trust = format!("[[publisher]]\nname = 'acme'\nnames = ['*']\n[[publisher.key]]\nkey = '{key}'\n");
    let trust = Trust::parse(&trust, "trust.toml", &|_| Err(std::io::ErrorKind::NotFound.into()))?;

    let runtime = ComponentRuntime::new(Config::new().trust(trust).policy("echo.cedar", POLICY))?;
    let plugin = runtime.load_component(signed).await?;
    let answer: Vec<u8> = plugin.call("process-data", &b"reverse:!olleh".to_vec()).await?;
    println!("{}", String::from_utf8(answer)?);
    Ok(())
}
