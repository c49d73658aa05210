//! The spellings of a name: WIT writes `kebab-case`, Rust `snake_case` and `PascalCase`.

/// How many names a message lists before it stops.
const LISTED: usize = 12;

/// Whether `given` is the name `wit` as it stands or in snake case.
pub(super) fn same_name(wit: &str, given: &str) -> bool {
    wit.len() == given.len()
        && wit
            .bytes()
            .zip(given.bytes())
            .all(|(w, g)| w == g || w.to_ascii_lowercase() == g || (w == b'-' && g == b'_'))
}

/// The position of the name `given` among a record's fields or a function's parameters.
pub(super) fn find_name<'a>(wit: impl Iterator<Item = &'a str> + Clone, given: &str) -> Option<usize> {
    // The exact name first: upper-case words make `a-B` and its snake case two spellings of one name, never two names.
    wit.clone().position(|name| name == given).or_else(|| wit.clone().position(|name| same_name(name, given)))
}

/// The position of the name `given` among cases or flags, where Pascal case is a spelling too.
pub(super) fn find_case<'a>(wit: impl Iterator<Item = &'a str>, given: &str) -> Option<usize> {
    let wit: Vec<&str> = wit.collect();
    find_name(wit.iter().copied(), given).or_else(|| {
        let mut same = wit.iter().enumerate().filter(|(_, name)| pascal(name) == given);
        match (same.next(), same.next()) {
            // `a-2` and `a2` share the Pascal case `A2`: then only the WIT name tells them apart.
            (Some((position, _)), None) => Some(position),
            _ => None,
        }
    })
}

/// The spelling of the field `wit` among those a Rust struct knows, or the name itself.
pub(super) fn rust_field(wit: &str, known: &[&'static str]) -> String {
    let exact = known.iter().find(|name| **name == wit);
    exact.or_else(|| known.iter().find(|name| same_name(wit, name))).copied().unwrap_or(wit).to_owned()
}

/// The spelling of the case `wit` among those a Rust enum knows, or the name itself.
pub(super) fn rust_case(wit: &str, known: &[&'static str]) -> String {
    let pascal = pascal(wit);
    let exact = known.iter().find(|name| **name == wit);
    let spelt = || known.iter().find(|name| same_name(wit, name) || **name == pascal);
    exact.or_else(spelt).copied().unwrap_or(wit).to_owned()
}

fn pascal(wit: &str) -> String {
    let mut out = String::with_capacity(wit.len());
    for word in wit.split('-') {
        let mut letters = word.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.extend(letters.map(|letter| letter.to_ascii_lowercase()));
    }
    out
}

/// Names in backticks, for a message.
pub(super) fn listed(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let mut out: Vec<String> = names.iter().take(LISTED).map(|name| format!("`{name}`")).collect();
    if let Some(more) = names.len().checked_sub(LISTED).filter(|more| *more > 0) {
        out.push(format!("{more} more"));
    }
    out.join(", ")
}

/// Whether someone who wrote `given` may have meant `name`.
pub(super) fn near(name: &str, given: &str) -> bool {
    let plain = |text: &str| -> Vec<char> {
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).take(64).collect()
    };
    let (name, given) = (plain(name), plain(given));
    let allowed = (name.len().min(given.len()) / 3).min(3);
    !given.is_empty() && distance(&name, &given) <= allowed
}

/// The Levenshtein distance, one row at a time.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, window) in b.iter().zip(row.windows(2)) {
            let [diagonal, up] = window else { continue };
            left = (diagonal + usize::from(x != y)).min(up + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_not_matched_by_another_case_or_separator() {
        for given in ["FIRST-NAME", "firstName", "firstname", "first name", "FirstName", "first-names", ""] {
            assert!(!same_name("first-name", given), "{given}");
        }
        assert!(same_name("first-name", "first_name"));
        assert!(same_name("HTTP-status", "http_status"));
    }

    #[test]
    fn two_cases_of_one_pascal_spelling_are_not_guessed() {
        let cases = ["a2", "a-2"];
        assert_eq!(find_case(cases.into_iter(), "A2"), None);
        assert_eq!(find_case(cases.into_iter(), "a_2"), Some(1));
        assert_eq!(find_case(["not-found", "http-error"].into_iter(), "HttpError"), Some(1));
        assert_eq!(find_case(["not-found"].into_iter(), "Notfound"), None);
    }

    #[test]
    fn distance_counts_changes() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        for (a, b, expected) in [("", "", 0), ("", "ab", 2), ("kitten", "sitting", 3), ("abc", "abc", 0)] {
            assert_eq!(distance(&chars(a), &chars(b)), expected, "{a} {b}");
        }
    }

    #[test]
    fn a_far_name_is_not_suggested() {
        assert!(!near("process-data", "render"));
        assert!(!near("f", "g"));
        assert!(near("process-data", "proces-data"));
        assert!(near("process-data", "processData"));
    }
}
