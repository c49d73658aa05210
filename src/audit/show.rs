//! A record as a line for people.

use crate::audit::record::{Record, Reuse};
use std::fmt::Write;

/// One line without line feed, safe to print on a terminal: whatever does not print is escaped.
///
/// ```text
/// #7 2026-11-22T18:51:07.000042Z acme/thumb#1 deny fs:read Path::"/etc/passwd" no policy permits it (wasi:filesystem/types#open-at)
/// ```
pub fn show(record: &Record<'_>) -> String {
    let mut line = format!("#{} {} ", record.seq, record.time);
    if let Some(subject) = &record.subject {
        plain(&mut line, subject);
        if let Some(instance) = record.instance {
            line.push_str(&format!("#{instance}"));
        }
        line.push(' ');
    }
    line.push_str(record.verdict.map_or(record.kind.name(), |verdict| verdict.name()));
    question(&mut line, record);
    facts(&mut line, record);
    if let Some(import) = &record.import {
        line.push_str(" (");
        plain(&mut line, import);
        line.push(')');
    }
    line
}

fn question(line: &mut String, record: &Record<'_>) {
    for part in record.action.iter() {
        line.push(' ');
        plain(line, part);
    }
    if let Some(target) = &record.resource {
        line.push(' ');
        plain(line, &target.kind);
        // `Debug` of a string quotes and escapes.
        let _ = write!(line, "::{:?}", target.id);
        for parent in &target.parents {
            let _ = write!(line, " as {:?}", parent.id);
        }
    }
    let Some(policies) = &record.policies else { return };
    let errors = record.errors.as_deref().unwrap_or_default();
    if policies.is_empty() && errors.is_empty() {
        line.push_str(" no policy permits it");
    }
    for (at, policy) in policies.iter().enumerate() {
        line.push_str(if at == 0 { " by " } else { ", " });
        plain(line, policy);
    }
    more(line, record.more_policies);
    for (at, lender) in record.delegation.iter().flat_map(|lent| &lent.lenders).enumerate() {
        line.push_str(if at == 0 { ", lent by " } else { ", to which by " });
        plain(line, &lender.component);
    }
    for error in errors {
        line.push_str("; ");
        plain(line, error);
    }
    more(line, record.more_errors);
}

fn more(line: &mut String, count: Option<u64>) {
    if let Some(count) = count {
        line.push_str(&format!(" and {count} more"));
    }
}

fn facts(line: &mut String, record: &Record<'_>) {
    if let Some(component) = &record.component {
        let v = component.version;
        line.push_str(&format!(" version {}.{}.{}, key ", v.major, v.minor, v.patch));
        plain(line, &component.key_id);
    }
    for Reuse { action, times } in record.reused.iter().flatten() {
        line.push(' ');
        plain(line, action);
        line.push_str(&format!(" {times} times again"));
    }
    if let Some(limit) = &record.limit {
        line.push(' ');
        plain(line, &limit.name);
        line.push_str(&format!(" of {}", limit.allowed));
    }
    if let (None, Some(epoch)) = (record.verdict, record.epoch) {
        line.push_str(&format!(" epoch {epoch}"));
    }
    if let Some(open) = &record.open {
        line.push_str(" by ");
        plain(line, &open.program);
        if let Some(torn) = open.torn_bytes {
            line.push_str(&format!(", after a crash: {torn} bytes of an unfinished record cut off"));
        }
    }
    if let Some(text) = &record.text {
        line.push_str(": ");
        plain(line, text);
    }
}

/// Quotes stay as they are; everything that does not print, the backslash too, is escaped.
fn plain(line: &mut String, text: &str) {
    for c in text.chars() {
        if matches!(c, '"' | '\'') { line.push(c) } else { line.extend(c.escape_debug()) }
    }
}
