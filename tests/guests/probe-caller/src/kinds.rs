//! Every kind of value, there and back: also the ones at the edges of their kind.

use crate::probe_caller::acme::text1_0_0::shout::{self, Fragment, Line, Style, Tone};

/// Says how many functions answered as they should, or which did not.
pub(crate) fn try_all() -> Result<String, String> {
    let tried = [
        ("shout", strings()),
        ("reverse", bytes()),
        ("louder", records()),
        ("raise", enums()),
        ("toggle", flags()),
        ("same-fragment", variants()),
        ("same-fragments", lists_of_variants()),
        ("first", options()),
        ("same-option", nested_options()),
        ("divide", results()),
        ("succeed", empty_results()),
        ("turn", full_results()),
        ("swap", tuples()),
        ("transpose", nested_lists()),
        ("next-scalars", scalars()),
        ("same-char", chars()),
    ];
    let wrong: Vec<_> = tried.iter().filter(|(_, right)| !right).map(|(name, _)| *name).collect();
    if wrong.is_empty() { Ok(format!("{} kinds", tried.len())) } else { Err(wrong.join(", ")) }
}

fn strings() -> bool {
    shout::shout("straße").as_str() == "STRASSE" && shout::shout("").is_empty()
}

fn bytes() -> bool {
    let all: Vec<u8> = (0..=255).collect();
    let reversed: Vec<u8> = (0..=255).rev().collect();
    shout::reverse(&all) == reversed && shout::reverse(&[]).is_empty()
}

fn records() -> bool {
    let marks = vec!["b".to_string(), "a".to_string()];
    let line = shout::louder(&Line { text: "a line".to_string(), number: u32::MAX, marks });
    line.text == "A LINE" && line.number == 0 && line.marks == ["a", "b"]
}

fn enums() -> bool {
    [(Tone::Low, Tone::Normal), (Tone::Normal, Tone::High), (Tone::High, Tone::Low)]
        .into_iter()
        .all(|(given, wanted)| shout::raise(given) == wanted)
}

fn flags() -> bool {
    shout::toggle(Style::BOLD | Style::ITALIC, Style::ITALIC | Style::UNDERLINED)
        == Style::BOLD | Style::UNDERLINED
        && shout::toggle(Style::all(), Style::all()) == Style::empty()
}

/// Each case of the variant.
fn fragments() -> Vec<Fragment> {
    let line = Line { text: String::new(), number: 0, marks: vec!["<".to_string(), "🦀".to_string()] };
    vec![
        Fragment::Blank,
        Fragment::Word("word".to_string()),
        Fragment::Number(i64::MIN),
        Fragment::Line(line),
        Fragment::Pair(("pair".to_string(), Tone::High)),
        Fragment::Maybe(Some(Style::ITALIC)),
        Fragment::Maybe(None),
    ]
}

fn variants() -> bool {
    // The generated types have no equality; what they print tells all that is in them.
    fragments().iter().all(|given| format!("{:?}", shout::same_fragment(given)) == format!("{given:?}"))
}

fn lists_of_variants() -> bool {
    let given = fragments();
    format!("{:?}", shout::same_fragments(&given)) == format!("{given:?}")
        && shout::same_fragments(&[]).is_empty()
}

fn options() -> bool {
    let texts = ["one".to_string(), "two".to_string()];
    shout::first(&texts).as_deref() == Some("one") && shout::first(&[]).is_none()
}

fn nested_options() -> bool {
    [None, Some(None), Some(Some(7))].into_iter().all(|given| shout::same_option(given) == given)
}

fn results() -> bool {
    shout::divide(-9, 2) == Ok(-4)
        && shout::divide(1, 0).as_ref().map_err(String::as_str) == Err("1 cannot be divided by 0")
}

fn empty_results() -> bool {
    shout::succeed(true).is_ok() && shout::succeed(false).is_err()
}

fn full_results() -> bool {
    shout::turn(Err(7)) == Ok(7) && shout::turn(Ok("text")) == Err("text".to_string())
}

fn tuples() -> bool {
    shout::swap(("text", u32::MAX)) == (u32::MAX, "text".to_string())
}

fn nested_lists() -> bool {
    shout::transpose(&[vec![1, 2, i32::MIN], vec![3, 4]]) == [vec![1, 3], vec![2, 4], vec![i32::MIN]]
        && shout::transpose(&[vec![], vec![]]).is_empty()
}

fn scalars() -> bool {
    let most = shout::next_scalars(
        true,
        u8::MAX,
        i8::MAX,
        u16::MAX,
        i16::MAX,
        u32::MAX,
        i32::MAX,
        u64::MAX,
        i64::MAX,
        f32::INFINITY,
        0.5,
    );
    let wrapped = (false, 0, i8::MIN, 0, i16::MIN, 0, i32::MIN, 0, i64::MIN, f32::INFINITY, 1.5);
    let least = shout::next_scalars(
        false,
        0,
        i8::MIN,
        0,
        i16::MIN,
        0,
        i32::MIN,
        0,
        i64::MIN,
        f32::NAN,
        f64::NEG_INFINITY,
    );
    most == wrapped && least.9.is_nan() && least.10 == f64::NEG_INFINITY && least.8 == i64::MIN + 1
}

fn chars() -> bool {
    ['\0', 'a', 'ß', '\u{d7ff}', '\u{e000}', '🦀', char::MAX]
        .into_iter()
        .all(|given| shout::same_char(given) == given)
}
