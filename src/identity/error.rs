//! Why bytes did not become a component: one variant and one sentence for each refusal, with the remedy as help.

use super::file::FileError;
use super::keys::KeyError;
use jiff::Timestamp;
use miette::Diagnostic;
use thiserror::Error;

/// Why a component, a manifest or a trust file was refused.
#[derive(Debug, Error, Diagnostic)]
#[non_exhaustive]
pub enum IdentityError {
    /// The file is too large to look at.
    #[error("the file has {size} bytes, more than {limit}")]
    #[diagnostic(help("strip debug sections, for example with `wasm-tools strip`"))]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The largest size accepted.
        limit: usize,
    },
    /// The bytes are not WebAssembly in binary form.
    #[error("the file is not a WebAssembly binary")]
    #[diagnostic(help("give a component in binary form; text (`.wat`) and archives are not read"))]
    NotWasm,
    /// The bytes are machine code, such as a `.cwasm`.
    #[error("the file is precompiled machine code")]
    #[diagnostic(help(
        "give the signed component itself: machine code from outside is never run, the host compiles and caches on its own"
    ))]
    Precompiled,
    /// The bytes are a core module.
    #[error("the file is a core module, not a component")]
    #[diagnostic(help(
        "build it for `wasm32-wasip2`, or wrap it with `wasm-tools component new`, then sign the component"
    ))]
    CoreModule,
    /// The bytes are WebAssembly of a layer or version that this host does not know.
    #[error("the WebAssembly layer and version `{layer}` is not a known component version")]
    #[diagnostic(help("build the component with a current tool chain; its preamble must end in `0d000100`"))]
    UnknownLayer {
        /// The four bytes in hexadecimal.
        layer: String,
    },
    /// The file ends inside a section.
    #[error("the file is truncated: it ends inside the section at byte {at}")]
    #[diagnostic(help("copy or download the component again"))]
    Truncated {
        /// Where that section begins.
        at: usize,
    },
    /// A section is not well formed.
    #[error("the section at byte {at} is malformed")]
    #[diagnostic(help("build the component again and sign it"))]
    Malformed {
        /// Where that section begins.
        at: usize,
    },
    /// The component carries no signature where it belongs.
    #[error("the component is not signed: its first section is not a signature")]
    #[diagnostic(help("sign it with `airssys sign`, or run it with `run --dev` while you develop"))]
    Unsigned,
    /// The signature section has not the one accepted form.
    #[error("the signature section is malformed: {why}")]
    #[diagnostic(help("sign the component again with `airssys sign`"))]
    MalformedSignature {
        /// What is wrong with it.
        why: &'static str,
    },
    /// Manifest or code differ from what was signed.
    #[error("the component was changed after it was signed")]
    #[diagnostic(help(
        "get the author's own file again; if you changed it on purpose, sign it with your key"
    ))]
    Changed,
    /// Something was added behind what was signed.
    #[error("something was appended to the component after it was signed, from byte {at}")]
    #[diagnostic(help(
        "get the author's own file again; tools that add sections must run before `airssys sign`"
    ))]
    Appended {
        /// Where the addition begins.
        at: usize,
    },
    /// No manifest stands straight after the signature.
    #[error("the component carries no manifest straight after its signature")]
    #[diagnostic(help("sign it with `airssys sign --manifest plugin.toml`"))]
    NoManifest,
    /// The manifest section has not the one accepted form.
    #[error("the manifest section is malformed: {why}")]
    #[diagnostic(help("sign the component again with `airssys sign --manifest plugin.toml`"))]
    MalformedManifest {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The manifest is larger than its bound.
    #[error("the manifest has {size} bytes, more than {limit}")]
    #[diagnostic(help("shorten `plugin.toml` and sign the component again"))]
    ManifestTooLarge {
        /// Its size in bytes.
        size: usize,
        /// The largest size accepted.
        limit: usize,
    },
    /// A second signature section.
    #[error("the component has a second signature section at byte {at}")]
    #[diagnostic(help("sign the component again with `airssys sign`, which keeps one"))]
    SecondSignature {
        /// Where it begins.
        at: usize,
    },
    /// A second manifest section.
    #[error("the component has a second manifest section at byte {at}")]
    #[diagnostic(help("sign the component again with `airssys sign`, which keeps one"))]
    SecondManifest {
        /// Where it begins.
        at: usize,
    },
    /// The manifest or the trust file has a mistake.
    #[error(transparent)]
    #[diagnostic(transparent)]
    File(Box<FileError>),
    /// A key has a mistake.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Key(#[from] KeyError),
    /// The component names the development publisher and this is not its development run.
    #[error("component `{component}` was signed for development only")]
    #[diagnostic(help(
        "set a publisher of your own in `plugin.toml` and sign with `airssys sign`, or use `run --dev`"
    ))]
    DevelopmentOnly {
        /// The component.
        component: String,
    },
    /// The trust file does not know the publisher.
    #[error("publisher `{publisher}` of component `{component}` is not trusted")]
    #[diagnostic(help(
        "if you trust its author, add a `[[publisher]]` named `{publisher}` with the author's public key to the trust file"
    ))]
    UntrustedPublisher {
        /// The component.
        component: String,
        /// The publisher that its manifest names.
        publisher: String,
    },
    /// The signature names a key of the publisher and was not made by it.
    #[error(
        "the signature of component `{component}` does not fit: key {key_id} of `{publisher}` did not make it"
    )]
    #[diagnostic(help("get the author's own file again"))]
    BadSignature {
        /// The component.
        component: String,
        /// The publisher.
        publisher: String,
        /// The key that the signature names.
        key_id: String,
    },
    /// No key of the publisher made the signature.
    #[error(
        "component `{component}` is signed by key {key_id}, which the trust file does not give to `{publisher}`"
    )]
    #[diagnostic(help(
        "if the author says that the key is theirs, add it as a `[[publisher.key]]` of `{publisher}`"
    ))]
    UnknownKey {
        /// The component.
        component: String,
        /// The publisher.
        publisher: String,
        /// The key that the signature names, `unnamed` if it names none.
        key_id: String,
    },
    /// Another publisher's key made the signature.
    #[error("component `{component}` says it is by `{publisher}` but is signed by key {key_id} of `{owner}`")]
    #[diagnostic(help(
        "set `publisher = \"{owner}\"` in its manifest and sign again, or have `{publisher}` sign it"
    ))]
    ForeignKey {
        /// The component.
        component: String,
        /// The publisher that its manifest names.
        publisher: String,
        /// The key that made the signature.
        key_id: String,
        /// Whose key it is.
        owner: String,
    },
    /// The signature is good and names another key than the one that made it.
    #[error("the signature of component `{component}` was made by key {key_id} and names another one")]
    #[diagnostic(help("sign the component again with `airssys sign`, which writes the right key id"))]
    KeyIdMismatch {
        /// The component.
        component: String,
        /// The key that made the signature.
        key_id: String,
    },
    /// A key of the publisher is of small order.
    #[error("key {key_id} of `{publisher}` is weak (of small order): anyone could sign for it")]
    #[diagnostic(help(
        "remove it from the trust file and ask the author for a key made by `airssys keygen`"
    ))]
    WeakKey {
        /// The publisher.
        publisher: String,
        /// The key.
        key_id: String,
    },
    /// The key is revoked.
    #[error("key {key_id} of `{publisher}`, which signed component `{component}`, is revoked")]
    #[diagnostic(help("get a release that is signed with a current key of the publisher"))]
    RevokedKey {
        /// The component.
        component: String,
        /// The publisher.
        publisher: String,
        /// The key.
        key_id: String,
    },
    /// The trust file says something else of it than when it was verified.
    #[error(
        "`{component}` is no longer trusted as it was when it was loaded: the trust file says something else of `{publisher}` and key {key_id} by now"
    )]
    #[diagnostic(help("load it anew: it is then judged by what the trust file says now"))]
    Distrusted {
        /// The component.
        component: String,
        /// The publisher.
        publisher: String,
        /// The key.
        key_id: String,
    },
    /// The key is not valid yet.
    #[error(
        "key {key_id} of `{publisher}`, which signed component `{component}`, is not valid before {from}"
    )]
    #[diagnostic(help("check this machine's clock, or correct `valid-from` in the trust file"))]
    KeyNotYetValid {
        /// The component.
        component: String,
        /// The publisher.
        publisher: String,
        /// The key.
        key_id: String,
        /// From when on it is valid.
        from: Timestamp,
    },
    /// The key is no longer valid.
    #[error(
        "key {key_id} of `{publisher}`, which signed component `{component}`, is not valid since {until}"
    )]
    #[diagnostic(help("get a release that is signed with a current key of the publisher"))]
    KeyExpired {
        /// The component.
        component: String,
        /// The publisher.
        publisher: String,
        /// The key.
        key_id: String,
        /// Until when it was valid.
        until: Timestamp,
    },
    /// The publisher may not use the name.
    #[error("publisher `{publisher}` may not name a component `{name}`: the trust file gives it {patterns}")]
    #[diagnostic(help("if it should, add `{name}` to the `names` of `{publisher}` in the trust file"))]
    NameNotGranted {
        /// The publisher.
        publisher: String,
        /// The component's name.
        name: String,
        /// The patterns it has, for people.
        patterns: String,
    },
    /// The manifest has expired.
    #[error("component `{component}` expired at {expires}")]
    #[diagnostic(help("get a newer release, or have its author sign it again with a later `expires`"))]
    Expired {
        /// The component.
        component: String,
        /// When it expired.
        expires: Timestamp,
    },
}

impl IdentityError {
    /// What to do about it, in one sentence.
    pub fn remedy(&self) -> Option<String> {
        self.help().map(|help| help.to_string())
    }
}
