//! Values on the command line: `--dir HOST::GUEST[:ro]`, `--env NAME=VALUE`, `--resource Type::"id"`.

pub(super) use crate::serve::config::values::Dir;
use crate::serve::config::values::{env_name, guest_path};
use airssys_osl::Resource;
use airssys_osl::own::{self, OwnResource};
use std::path::PathBuf;

/// Reads `HOST`, `HOST::GUEST` or either with `:ro`.
pub(super) fn dir(text: &str) -> Result<Dir, String> {
    let (text, read_only) = match text.strip_suffix(":ro") {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let (host, guest) = text.rsplit_once("::").unwrap_or((text, "/"));
    if host.is_empty() {
        return Err(
            "no host directory is named; write `HOST::GUEST`, such as `./photos::/photos:ro`".to_owned()
        );
    }
    let guest = guest_path(guest)?;
    Ok(Dir { host: PathBuf::from(host), guest, read_only })
}

/// Reads `NAME=VALUE`.
pub(super) fn env(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once('=').ok_or("no `=`; write `NAME=VALUE`, nothing is taken over from here")?;
    env_name(name)?;
    match value.contains('\0') {
        true => Err("the value holds a NUL".to_owned()),
        false => Ok((name.to_owned(), value.to_owned())),
    }
}

/// Reads `Type::"id"`; the quotes may be left out.
pub(super) fn resource(text: &str) -> Result<Resource, String> {
    let form = || {
        format!("`{}` is no resource; write `Type::\"id\"`, such as `Path::\"/data\"`", text.escape_debug())
    };
    // A type of a host's own has a namespace, and is written with a quoted id.
    let own = text.split_once("::\"").filter(|(kind, _)| kind.contains("::"));
    if let Some(kind) = own.and_then(|(kind, _)| own::declare_kind(kind).ok()) {
        let inner = text.strip_prefix(kind).and_then(|rest| rest.strip_prefix("::\""));
        let inner = inner.and_then(|rest| rest.strip_suffix('"')).and_then(unescaped).ok_or_else(form)?;
        return OwnResource::new(kind, &inner).map(Resource::Own).map_err(|error| error.to_string());
    }
    let (kind, id) = text.split_once("::").ok_or_else(form)?;
    let quoted = id.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match quoted {
        Some(inner) => Resource::parse(kind, &unescaped(inner).ok_or_else(form)?),
        None => Resource::parse(kind, id),
    }
}

/// The text between quotes, with the escapes that Cedar and the log write undone.
fn unescaped(text: &str) -> Option<String> {
    let mut plain = String::new();
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        plain.push(match c {
            '"' => return None,
            '\\' => match rest.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                '0' => '\0',
                'u' => {
                    let digits: String = rest.by_ref().take_while(|c| *c != '}').collect();
                    char::from_u32(u32::from_str_radix(digits.strip_prefix('{')?, 16).ok()?)?
                }
                c @ ('\\' | '"' | '\'') => c,
                _ => return None,
            },
            c => c,
        });
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use airssys_osl::GuestPath;

    fn of(text: &str) -> (String, String, bool) {
        let dir = dir(text).unwrap();
        (dir.host.display().to_string(), dir.guest.to_string(), dir.read_only)
    }

    #[test]
    fn directories_without_host_or_with_a_guest_path_that_is_not_canonical_are_refused() {
        for (text, said) in [
            ("", "no host directory"),
            ("::/data", "no host directory"),
            (":ro", "no host directory"),
            ("a::data", "not absolute"),
            ("a::", "not absolute"),
            ("a::/x/../y", "not canonical"),
            ("a::/x/", "not canonical"),
            ("a::/x:rw", "`:rw` is not a way to mount"),
            ("a::/x:ro:ro", "`:ro` is not a way to mount"),
            ("a::/x\u{7}", "guest path `/x\\u{7}` holds"),
            ("a::/x\ny", "guest path `/x\\u{a}y` holds"),
            ("a::/\u{9b}2J", "guest path `/\\u{9b}2J` holds"),
            ("a::/x\u{200b}", "guest path `/x\\u{200b}` holds"),
            ("a::/x:\u{1b}[2J", "`:\\u{1b}[2J` is not a way to mount"),
        ] {
            let error = dir(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn directories_are_mounted_where_they_say_and_at_the_root_otherwise() {
        assert_eq!(of("in"), ("in".into(), "/".into(), false));
        assert_eq!(of("in:ro"), ("in".into(), "/".into(), true));
        assert_eq!(of("/a b::/data"), ("/a b".into(), "/data".into(), false));
        assert_eq!(of("x::y::/data:ro"), ("x::y".into(), "/data".into(), true));
    }

    #[test]
    fn variables_without_a_name_or_a_value_are_refused() {
        for text in ["", "A", "=x", "A\0=x", "A=\0"] {
            assert!(env(text).is_err(), "{text:?}");
        }
        for text in ["A B=x", "A-B=x", "A.B=x", "\u{e9}=x", "A\u{1b}[2J=x", " A=x", "A\n=x"] {
            let error = env(text).unwrap_err();
            assert!(error.contains("cannot name a variable") && !error.contains('\u{1b}'), "{error}");
        }
        assert_eq!(env("_a1=\u{1b}"), Ok(("_a1".into(), "\u{1b}".into())));
        assert_eq!(env("A=b=c"), Ok(("A".into(), "b=c".into())));
        assert_eq!(env("A="), Ok(("A".into(), String::new())));
    }

    #[test]
    fn resources_of_unknown_form_are_refused_and_those_the_log_shows_are_read() {
        for text in [
            "",
            "Path",
            "Path::\"/a",
            "Path::\"a\"",
            "Tape::\"x\"",
            "Path::\"/a\"b\"",
            "Path::\"/\\q\"",
            "Path::\"/\\u{110000}\"",
        ] {
            assert!(resource(text).is_err(), "{text}");
        }
        for path in ["/", "/a b", "/a\"b", "/a\\b", "/\u{1b}[31m", "/ä'\n"] {
            let wanted = Resource::from(GuestPath::parse(path).unwrap());
            assert_eq!(resource(&wanted.to_string()), Ok(wanted));
        }
        assert_eq!(resource("Clock::wall").unwrap().id(), "wall");
    }
}
