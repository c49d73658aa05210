//! Text that comes from elsewhere, made printable.

/// Whether a text holds what would not show, or would act on a terminal.
pub(crate) fn hides(text: &str) -> bool {
    text.chars().any(is_hidden)
}

/// The text with what would not show, or would act on a terminal, written as an escape.
pub(crate) fn printable(text: &str) -> String {
    let shown = |c: char| if is_hidden(c) { c.escape_unicode().collect() } else { c.to_string() };
    text.chars().map(shown).collect::<String>()
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}
