//! The difference to components that were composed into one file: those are one principal.

use crate::guests;
use crate::support::{self, ALLOW_ALL};
use crate::world::{SHOUT, World, number};
use airssys_wasm::embed::Error;
use wasm_encoder::{ComponentBuilder, ComponentExportKind};

/// A caller and its callee in one component, as `wac` or `wasm-compose` would put them.
fn composed() -> Vec<u8> {
    let mut whole = ComponentBuilder::default();
    let callee = whole.component_raw(None, &guests::plain());
    let callee = whole.instantiate(None, callee, [] as [(&str, ComponentExportKind, u32); 0]);
    let shout = whole.alias_export(callee, SHOUT, ComponentExportKind::Instance);
    let caller = whole.component_raw(None, &guests::middle());
    let caller = whole.instantiate(None, caller, [(SHOUT, ComponentExportKind::Instance, shout)]);
    let outside = whole.alias_export(caller, SHOUT, ComponentExportKind::Instance);
    whole.export(SHOUT, ComponentExportKind::Instance, outside, None);
    whole.finish()
}

#[tokio::test]
async fn calls_inside_of_a_composed_component_are_not_decided_and_calls_over_a_link_are() {
    let count = "acme:text/shout@1.0.0#count";
    let world = World::new("");
    let whole = world.runtime.load_component(support::signed("whole", &composed())).await.unwrap();
    assert_eq!(number(&whole, count).await.unwrap(), 1);
    assert!(support::of_kind(&world.log, "decision").is_empty(), "one principal asks itself nothing");
    let callee = world.runtime.load_component(support::signed("callee", &guests::plain())).await.unwrap();
    let linked = world.middle("linked", &callee).await;
    assert!(matches!(number(&linked, count).await, Err(Error::Denied(_))));
    assert_eq!(world.calls().len(), 1);
}

#[tokio::test]
async fn a_fault_inside_of_a_composed_component_ends_all_of_it() {
    let world = World::new(ALLOW_ALL);
    let whole = world.runtime.load_component(support::signed("whole", &composed())).await.unwrap();
    let error = whole.call::<_, ()>("acme:text/shout@1.0.0#trap", &()).await.unwrap_err();
    assert!(matches!(error, Error::Trap(_)), "{error}");
}
