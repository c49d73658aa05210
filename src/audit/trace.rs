//! Each record as a `tracing` event, fields and not a blob, at target `airssys::audit`.

use crate::audit::record::{Kind, Link, Record, Word};
use std::borrow::Cow;
use std::fmt::Display;

/// Emits the event: `WARN` for what was refused, else `INFO`. Strings go in as values, which subscribers quote.
pub(super) fn emit(record: &Record<'_>) {
    let warns = matches!(record.verdict, Some(Word::Deny | Word::Fault))
        || matches!(record.kind, Kind::Refused | Kind::Limit);
    macro_rules! event {
        ($level:ident) => {
            tracing::event!(
                target: "airssys::audit",
                tracing::Level::$level,
                seq = record.seq,
                kind = record.kind.name(),
                subject = record.subject.as_deref(),
                instance = record.instance,
                digest = record.digest.as_deref(),
                action = record.action.as_deref(),
                resource = resource(record).as_deref(),
                import = record.import.as_deref(),
                verdict = record.verdict.map(Word::name),
                policies = record.policies.as_deref().map(join).as_deref(),
                errors = record.errors.as_deref().map(join).as_deref(),
                epoch = record.epoch,
                chain = chain(record).as_deref(),
                lenders = lenders(record).as_deref(),
                limit = record.limit.as_ref().map(|limit| &*limit.name),
                reused = reused(record).as_deref(),
                text = record.text.as_deref(),
                hash = record.hash.map(|hash| hash.to_string()).as_deref(),
            )
        };
    }
    if warns { event!(WARN) } else { event!(INFO) }
}

fn resource(record: &Record<'_>) -> Option<String> {
    record.resource.as_ref().map(|target| format!("{}::{:?}", target.kind, target.id))
}

fn reused(record: &Record<'_>) -> Option<String> {
    let pairs = record.reused.as_ref()?.iter().map(|reuse| format!("{} {}", reuse.action, reuse.times));
    Some(pairs.collect::<Vec<_>>().join(", "))
}

fn chain(record: &Record<'_>) -> Option<String> {
    record.chain.as_deref().map(names)
}

fn lenders(record: &Record<'_>) -> Option<String> {
    record.delegation.as_ref().map(|lent| names(&lent.lenders))
}

fn names(links: &[Link<'_>]) -> String {
    let names: Vec<_> = links.iter().map(|link| Cow::Borrowed(&*link.component)).collect();
    join(&names)
}

fn join(items: &[Cow<'_, str>]) -> String {
    items.iter().map(|item| item as &dyn Display).enumerate().fold(String::new(), |mut all, (at, item)| {
        let comma = if at == 0 { "" } else { ", " };
        all.push_str(&format!("{comma}{item}"));
        all
    })
}
