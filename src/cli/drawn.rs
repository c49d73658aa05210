//! Failures as people see them: one sentence, or the lines of the file that is at fault.

use super::console::{hides, printable};
use super::failure::Failure;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use serde_json::{Value, json};

/// How wide a drawing is.
const WIDTH: usize = 110;

/// The failure as text for standard error.
pub(super) fn drawn(failure: &Failure, theme: &dyn Fn() -> GraphicalTheme) -> String {
    let report = failure.report.as_ref();
    let places: Vec<&dyn Diagnostic> = match report.related() {
        Some(related) => related.collect(),
        None => Vec::new(),
    };
    match (places.as_slice(), report.source_code().is_some()) {
        ([], false) => format!("airssys: {}", printable(&failure.sentence())),
        ([], true) => draw(report, theme),
        (places, _) => places.iter().map(|place| draw(*place, theme)).collect::<Vec<_>>().join("\n\n"),
    }
}

/// The longest line that is drawn. A longer one would fill the screen, and one of some 65,000 columns is more than the
/// drawing can count.
const LONGEST_LINE: usize = 1000;

/// Whether the lines around the place that is at fault are short enough to draw.
fn fits(report: &dyn Diagnostic) -> bool {
    let Some((code, mut labels)) = report.source_code().zip(report.labels()) else { return true };
    labels.all(|label| {
        let around = code.read_span(label.inner(), 1, 1);
        around.is_ok_and(|around| {
            around.data().split(|byte| *byte == b'\n').all(|line| line.len() <= LONGEST_LINE)
        })
    })
}

/// The place and the sentence, without the lines of the file.
fn in_words(report: &dyn Diagnostic) -> String {
    let said = problem(report);
    let place = ["/place/file", "/place/line", "/place/column"].map(|part| match said.pointer(part) {
        Some(Value::String(text)) => text.clone(),
        other => other.map(Value::to_string).unwrap_or_default(),
    });
    let help = report.help().map(|help| format!(": {help}")).unwrap_or_default();
    printable(&format!("airssys: {}: {report}{help}", place.join(":")))
}

fn draw(report: &dyn Diagnostic, theme: &dyn Fn() -> GraphicalTheme) -> String {
    if !fits(report) {
        return in_words(report);
    }
    let render = |theme| {
        let mut text = String::new();
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(WIDTH)
            .with_links(false)
            .without_cause_chain();
        handler.render_report(&mut text, report).map(|()| text.trim_end().to_owned())
    };
    let Ok(plain) = render(GraphicalTheme::unicode_nocolor()) else { return printable(&report.to_string()) };
    // Colours are escapes themselves, so what the file hides can only be seen without them.
    match plain.lines().any(hides) {
        true => plain.lines().map(printable).collect::<Vec<_>>().join("\n"),
        false => render(theme()).unwrap_or(plain),
    }
}

/// The failure as JSON.
pub(super) fn as_json(failure: &Failure) -> Value {
    let report = failure.report.as_ref();
    let help = report.help().map(|help| help.to_string());
    let mut error = json!({
        "status": failure.exit.code(),
        "kind": failure.exit.word(),
        "message": report.to_string(),
        "help": help,
    });
    let problems: Vec<Value> = report.related().into_iter().flatten().map(problem).collect();
    if let (Value::Object(error), false) = (&mut error, problems.is_empty()) {
        error.insert("problems".to_owned(), problems.into());
    }
    json!({ "error": error })
}

fn problem(report: &dyn Diagnostic) -> Value {
    let place = report.labels().and_then(|mut labels| labels.next()).and_then(|label| {
        let code = report.source_code()?;
        let found = code.read_span(label.inner(), 0, 0).ok()?;
        Some(json!({ "file": found.name(), "line": found.line() + 1, "column": found.column() + 1 }))
    });
    json!({ "message": report.to_string(), "help": report.help().map(|help| help.to_string()), "place": place })
}

#[cfg(test)]
mod tests {
    use super::*;
    use miette::{NamedSource, SourceSpan};

    #[derive(Debug, thiserror::Error, miette::Diagnostic)]
    #[error("wrong")]
    struct Wrong {
        #[source_code]
        code: NamedSource<String>,
        #[label("here")]
        span: SourceSpan,
    }

    fn wrong(text: &str) -> Failure {
        Failure::own(Wrong { code: NamedSource::new("f", text.to_owned()), span: (0..1).into() })
    }

    #[test]
    fn what_a_file_hides_does_not_reach_the_terminal() {
        let text = drawn(&wrong("a\u{1b}]0;title\u{7}\u{202e}b"), &GraphicalTheme::unicode);
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
        assert!(text.contains("\\u{1b}]0;title\\u{7}"), "{text}");
    }

    #[test]
    fn a_line_too_long_to_draw_is_told_in_words() {
        let text = format!("{}x", " ".repeat(70_000));
        let code = NamedSource::new("f", text);
        let failure = Failure::own(Wrong { code, span: (70_000..70_001).into() });
        let said = drawn(&failure, &GraphicalTheme::none);
        assert!(said.contains("f:1:70001: wrong") && said.len() < 200, "{said}");
    }

    #[test]
    fn the_place_is_drawn_and_coloured_where_that_is_wanted() {
        assert!(drawn(&wrong("abc"), &GraphicalTheme::unicode).contains('\u{1b}'));
        let plain = drawn(&wrong("abc"), &GraphicalTheme::none);
        assert!(plain.contains("[f:1:1]") && !plain.contains('\u{1b}'), "{plain}");
    }

    #[test]
    fn a_failure_as_json_has_status_kind_message_and_help() {
        let value = as_json(&Failure::wrong("a", "b"));
        assert_eq!(value["error"], json!({"status": 125, "kind": "error", "message": "a", "help": "b"}));
    }
}
