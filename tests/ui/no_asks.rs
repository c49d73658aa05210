//! No function is offered without what it asks.
use airssys_wasm::embed::HostInterface;

fn main() {
    let _ = HostInterface::new("acme:crm/contacts@1.0.0", |_who| ())
        .function("get", |_call, (name,): (String,)| Ok((name,)));
}
