//! Every kind of value arrives as it was sent.

use crate::world::{linked, number, own_count};
use proptest::prelude::*;
use std::sync::LazyLock;

mod bindings {
    wasmtime::component::bindgen!({
        path: "tests/links/text.wit",
        world: "everything-of-it",
        additional_derives: [PartialEq],
    });
}
use bindings::acme::text::shout::{Everything, Fragment, Line, Style, Tone};

fn text() -> impl Strategy<Value = String> {
    proptest::collection::vec(any::<char>(), 0..12).prop_map(|letters| letters.into_iter().collect())
}

fn line() -> impl Strategy<Value = Line> {
    (text(), any::<u32>(), proptest::collection::vec(text(), 0..3)).prop_map(|(text, number, marks)| Line {
        text,
        number,
        marks,
    })
}

fn tone() -> impl Strategy<Value = Tone> {
    prop_oneof![Just(Tone::Low), Just(Tone::Normal), Just(Tone::High)]
}

fn style() -> impl Strategy<Value = Style> {
    (any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(bold, italic, underlined)| {
        let with = |yes: bool, flag: Style| if yes { flag } else { Style::empty() };
        with(bold, Style::BOLD) | with(italic, Style::ITALIC) | with(underlined, Style::UNDERLINED)
    })
}

fn fragment() -> impl Strategy<Value = Fragment> {
    prop_oneof![
        Just(Fragment::Blank),
        text().prop_map(Fragment::Word),
        any::<i64>().prop_map(Fragment::Number),
        line().prop_map(Fragment::Line),
        (text(), tone()).prop_map(Fragment::Pair),
        proptest::option::of(style()).prop_map(Fragment::Maybe),
    ]
}

fn texts() -> impl Strategy<Value = (char, String, Vec<u8>, Line, Tone, Style)> {
    (any::<char>(), text(), any::<Vec<u8>>(), line(), tone(), style())
}

fn everything() -> impl Strategy<Value = Everything> {
    let small = any::<(bool, u8, i8, u16, i16, u32, i32, u64, i64)>();
    let floats = (proptest::num::f32::NORMAL, proptest::num::f64::NORMAL | proptest::num::f64::INFINITE);
    let cases = (
        proptest::collection::vec(fragment(), 0..5),
        any::<Option<Option<u32>>>(),
        prop_oneof![text().prop_map(Ok), any::<u32>().prop_map(Err)],
        prop_oneof![Just(Ok(())), Just(Err(()))],
        (text(), proptest::num::f64::NORMAL),
        proptest::collection::vec(any::<Vec<i32>>(), 0..3),
    );
    (small, floats, texts(), cases).prop_map(|(small, (i, j), texts, cases)| {
        let (yes, a, b, c, d, e, f, g, h) = small;
        let (letter, text, bytes, line, tone, style) = texts;
        let (fragments, maybe, done, nothing, pair, rows) = cases;
        #[rustfmt::skip]
        let all = Everything {
            yes, a, b, c, d, e, f, g, h, i, j, letter, text, bytes, line, tone, style, fragments, maybe, done,
            nothing, pair, rows,
        };
        all
    })
}

static EXECUTOR: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());

#[test]
fn every_kind_of_value_comes_back_as_it_was_sent() {
    let (_world, _callee, caller) = EXECUTOR.block_on(linked());
    proptest!(ProptestConfig::with_cases(256), |(sent in everything())| {
        let call = caller.call_typed::<_, (Everything,)>("echo", (sent.clone(),));
        let (back,) = EXECUTOR.block_on(call).unwrap();
        prop_assert_eq!(back, sent);
    });
}

#[tokio::test]
async fn the_callee_has_a_memory_of_its_own_that_lasts_and_calls_wait_for_their_turn() {
    let (world, callee, caller) = linked().await;
    let middle = world.middle("middle", &callee).await;
    for count in [1, 3, 5] {
        let both = tokio::join!(number(&caller, "count"), number(&middle, "acme:text/shout@1.0.0#count"));
        let (one, other) = (both.0.unwrap(), both.1.unwrap());
        assert_eq!([one.min(other), one.max(other)], [count, count + 1]);
    }
    assert_eq!(own_count(&callee).await, 7);
    assert_eq!(world.calls().len(), 2, "a verdict that stands is not taken again");
}

/// Pages of memory that this process has.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn thousands_of_calls_leave_neither_memory_nor_handles_behind() {
    let (_world, callee, caller) = linked().await;
    let text = "x".repeat(4000);
    let call = async |times: u32| {
        for _ in 0..times {
            assert_eq!(caller.call::<_, String>("same", &text).await.unwrap().len(), 4000);
            number(&caller, "count").await.unwrap();
        }
    };
    call(1000).await;
    let before = resident();
    call(4000).await;
    // What 4,000 calls of 8 kB each way would leave is 60 MiB.
    assert!(resident() < before + 2000, "{} pages, and {before} before", resident());
    assert_eq!(own_count(&callee).await, 5001);
    assert!(caller.exceeded().is_empty() && callee.exceeded().is_empty());
}
