//! Nothing is asked without what it is asked on.
use airssys_wasm::embed::{Asks, HostInterface};

fn main() {
    let _ = HostInterface::new("acme:crm/contacts@1.0.0", |_who| ()).function(
        "get",
        Asks::on("Acme::contact:read"),
        |_call, (name,): (String,)| Ok((name,)),
    );
}
