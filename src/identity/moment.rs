//! Moments: RFC 3339 timestamps in the files people write.
//!
//! TOML has dates of its own (`expires = 2027-01-01T00:00:00Z`), people also write them as strings; both are read by
//! the same parser. A date without time or without offset is refused: whose midnight it means is anyone's guess.

use super::IdentityError;
use super::file::{File, FileProblem};
use jiff::Timestamp;
use toml::{Spanned, Value, value::Datetime};

/// The moment that a value of a file names.
pub(super) fn read(file: &File<'_>, value: &Spanned<Value>) -> Result<Timestamp, IdentityError> {
    moment(value.get_ref())
        .ok_or_else(|| file.at(value.span(), FileProblem::Moment { text: value.get_ref().to_string() }))
}

fn moment(value: &Value) -> Option<Timestamp> {
    let written = match value {
        Value::Datetime(written) => *written,
        Value::String(text) => text.parse::<Datetime>().ok()?,
        _ => return None,
    };
    // Without date, time or offset this is no timestamp to jiff.
    written.to_string().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<Timestamp> {
        let table: toml::Table = toml::from_str(&format!("x = {text}")).unwrap();
        moment(&table["x"])
    }

    #[test]
    fn what_is_not_one_moment_is_refused() {
        for text in [
            "2027-01-01",
            "2027-01-01T00:00:00",
            "00:00:00",
            "'2027-01-01'",
            "'2027-01-01T00:00:00'",
            "'tomorrow'",
            "''",
            "1798761600",
            "'2027-13-01T00:00:00Z'",
            "'2027-01-01T00:00:00Z[Europe/Berlin]'",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn strings_and_toml_dates_mean_the_same() {
        let expected: Timestamp = "2026-12-31T22:00:00Z".parse().unwrap();
        assert_eq!(of("2027-01-01T00:00:00+02:00"), Some(expected));
        assert_eq!(of("'2027-01-01T00:00:00+02:00'"), Some(expected));
        assert_eq!(of("2026-12-31 22:00:00Z"), Some(expected));
    }
}
