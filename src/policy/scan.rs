//! A look at Cedar text before it is parsed: what is code, how deep it nests, where the clauses of a policy stand.

use std::ops::Range;

/// How deep brackets may nest, and how large one policy may be. Parsing recurses, so both are bounded first.
pub(crate) const MAX_BRACKETS: usize = 64;
pub(crate) const MAX_POLICY_BYTES: usize = 64 * 1024;

/// The characters that are code: outside of strings and comments.
pub(crate) fn code(text: &str) -> impl Iterator<Item = (usize, char)> + '_ {
    let mut chars = text.char_indices().peekable();
    std::iter::from_fn(move || {
        loop {
            let (at, c) = chars.next()?;
            match c {
                '"' => skip_string(&mut chars),
                '/' if chars.peek().is_some_and(|(_, next)| *next == '/') => {
                    chars.by_ref().find(|(_, c)| *c == '\n');
                }
                _ => return Some((at, c)),
            }
        }
    })
}

fn skip_string(chars: &mut impl Iterator<Item = (usize, char)>) {
    while let Some((_, c)) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            '"' => return,
            _ => {}
        }
    }
}

/// What is out of bounds in a text, if anything, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Excess {
    Brackets(usize),
    Policy(usize),
}

pub(crate) fn excess(text: &str) -> Option<Excess> {
    let (mut depth, mut start) = (0_usize, None);
    for (at, c) in code(text).filter(|(_, c)| !c.is_whitespace()) {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_BRACKETS {
            return Some(Excess::Brackets(at));
        }
        let began = *start.get_or_insert(at);
        if at - began >= MAX_POLICY_BYTES {
            return Some(Excess::Policy(began));
        }
        if c == ';' {
            start = None;
        }
    }
    None
}

/// One `when` or `unless` clause of a policy: the range of its body, without the braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clause {
    pub(crate) unless: bool,
    pub(crate) body: Range<usize>,
}

/// The clauses in the text of one policy that is known to parse.
pub(crate) fn clauses(policy: &str) -> Vec<Clause> {
    let (mut found, mut depth, mut open) = (Vec::new(), 0_usize, 0);
    for (at, c) in code(policy) {
        match c {
            '{' if depth == 0 => {
                (depth, open) = (1, at);
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && c == '}' {
                    let unless = word_before(policy, open).is_some_and(|word| word == "unless");
                    found.push(Clause { unless, body: open + 1..at });
                }
            }
            _ => {}
        }
    }
    found
}

/// The last word of code before an offset; comments may stand between them.
fn word_before(text: &str, end: usize) -> Option<String> {
    let before: String = code(text.get(..end)?).map(|(_, c)| c).collect();
    before.trim_end().rsplit(|c: char| !c.is_ascii_alphabetic()).next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        let text = format!(
            "permit(principal, action, resource) when {{ \"{0}\" == \"\\\"{0}\" }}; // {0}",
            "(".repeat(99)
        );
        assert_eq!(excess(&text), None);
        assert_eq!(excess(&"(".repeat(65)), Some(Excess::Brackets(64)));
        assert_eq!(excess(&format!("a; {}", "x".repeat(MAX_POLICY_BYTES + 1))), Some(Excess::Policy(3)));
        assert_eq!(excess(&format!("{0}a;{0}b;{0}", "// comment\n".repeat(9000))), None);
    }

    #[test]
    fn clauses_are_found_past_braces_in_strings_and_records() {
        let text = r#"@id("{") permit(principal, action, resource) when { {"a": 1}.a == 1 } unless // why {
            { principal.name == "}" };"#;
        let found = clauses(text);
        let bodies: Vec<_> = found.iter().map(|c| (c.unless, text[c.body.clone()].trim())).collect();
        assert_eq!(bodies, [(false, r#"{"a": 1}.a == 1"#), (true, r#"principal.name == "}""#)]);
    }
}
