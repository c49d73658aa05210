//! The tables of a store, and what is done to them in a transaction.

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableHandle, WriteTransaction};

use super::error::OpenError;
use super::queue::{Reason, Slot};

const FORMAT: TableDefinition<&str, u64> = TableDefinition::new("airssys-format");
/// Deliveries, bytes, expiry (`u64::MAX` for never).
const LIVE: TableDefinition<(&str, u64), (u32, u64, u64)> = TableDefinition::new("live");
/// Deliveries, bytes, expiry, reason.
const DEAD: TableDefinition<(&str, u64), (u32, u64, u64, u8)> = TableDefinition::new("dead");
const BODIES: TableDefinition<(&str, u64), &[u8]> = TableDefinition::new("bodies");
/// The last sequence given out, so that none is given twice.
const LAST: TableDefinition<&str, u64> = TableDefinition::new("last");
const MARKS: TableDefinition<(&str, &str), u64> = TableDefinition::new("marks");
const SETS: TableDefinition<(&str, &str), ()> = TableDefinition::new("sets");

type Result<T> = std::result::Result<T, redb::Error>;

/// Sees that this is a store of ours, or an empty database that becomes one.
pub(super) fn claim(database: &Database) -> std::result::Result<(), OpenError> {
    match format(database).map_err(broken)? {
        Some(1) => Ok(()),
        Some(other) => Err(OpenError::Version(other)),
        None => begin(database).map_err(broken),
    }
}

fn broken(error: redb::Error) -> OpenError {
    match error {
        redb::Error::Io(io) if io.kind() != std::io::ErrorKind::InvalidData => OpenError::Io(io.to_string()),
        other => OpenError::NotAStore(other.to_string()),
    }
}

/// The format of a store; nothing for an empty database.
fn format(database: &Database) -> Result<Option<u64>> {
    let read = database.begin_read()?;
    let mut names = read.list_tables()?.peekable();
    if names.peek().is_none() {
        return Ok(None);
    }
    if !names.any(|table| table.name() == FORMAT.name()) {
        return Err(redb::Error::Corrupted("tables of another program".to_owned()));
    }
    let format = read.open_table(FORMAT)?.get("format")?.map(|value| value.value());
    Ok(Some(format.unwrap_or(0)))
}

fn begin(database: &Database) -> Result<()> {
    let tx = database.begin_write()?;
    tx.open_table(FORMAT)?.insert("format", 1)?;
    drop((tx.open_table(LIVE)?, tx.open_table(DEAD)?, tx.open_table(BODIES)?, tx.open_table(LAST)?));
    drop((tx.open_table(MARKS)?, tx.open_table(SETS)?));
    tx.commit()?;
    Ok(())
}

/// The messages of `name` that wait, in order.
pub(super) fn live(tx: &WriteTransaction, name: &str) -> Result<Vec<(u64, Slot)>> {
    let mut found = Vec::new();
    for row in tx.open_table(LIVE)?.range((name, 0)..=(name, u64::MAX))? {
        let (key, value) = row?;
        let (deliveries, bytes, expires) = value.value();
        found.push((key.value().1, Slot { deliveries, bytes, expires }));
    }
    Ok(found)
}

/// The dead letters of `name` from `from` on, at most `limit`, in order.
pub(super) fn dead(
    tx: &WriteTransaction,
    name: &str,
    from: u64,
    limit: usize,
) -> Result<Vec<(u64, Slot, Reason)>> {
    let mut found = Vec::new();
    for row in tx.open_table(DEAD)?.range((name, from)..=(name, u64::MAX))?.take(limit) {
        let (key, value) = row?;
        let (deliveries, bytes, expires, reason) = value.value();
        found.push((key.value().1, Slot { deliveries, bytes, expires }, Reason::from_byte(reason)));
    }
    Ok(found)
}

/// The next sequence of `name`, used up by asking.
fn sequence(tx: &WriteTransaction, name: &str) -> Result<u64> {
    let mut last = tx.open_table(LAST)?;
    let next = last.get(name)?.map_or(0, |value| value.value()).saturating_add(1);
    last.insert(name, next)?;
    Ok(next)
}

/// Keeps a new message.
pub(super) fn put(tx: &WriteTransaction, name: &str, bytes: &[u8], slot: Slot) -> Result<u64> {
    let sequence = sequence(tx, name)?;
    tx.open_table(BODIES)?.insert((name, sequence), bytes)?;
    tx.open_table(LIVE)?.insert((name, sequence), (slot.deliveries, slot.bytes, slot.expires))?;
    Ok(sequence)
}

/// Counts one more delivery, and fetches the message.
pub(super) fn count(tx: &WriteTransaction, name: &str, sequence: u64, slot: Slot) -> Result<Vec<u8>> {
    tx.open_table(LIVE)?.insert((name, sequence), (slot.deliveries, slot.bytes, slot.expires))?;
    body(tx, name, sequence)
}

/// The bytes of a message, live or dead.
pub(super) fn body(tx: &WriteTransaction, name: &str, sequence: u64) -> Result<Vec<u8>> {
    let bodies = tx.open_table(BODIES)?;
    let found = bodies.get((name, sequence))?;
    found
        .map(|value| value.value().to_vec())
        .ok_or_else(|| redb::Error::Corrupted("a message without body".to_owned()))
}

/// Forgets a message that was handled.
pub(super) fn remove(tx: &WriteTransaction, name: &str, sequence: u64) -> Result<()> {
    tx.open_table(LIVE)?.remove((name, sequence))?;
    tx.open_table(BODIES)?.remove((name, sequence))?;
    Ok(())
}

/// Moves a message among the dead letters.
pub(super) fn bury(tx: &WriteTransaction, name: &str, sequence: u64, slot: Slot, why: Reason) -> Result<()> {
    tx.open_table(LIVE)?.remove((name, sequence))?;
    let row = (slot.deliveries, slot.bytes, slot.expires, why.to_byte());
    tx.open_table(DEAD)?.insert((name, sequence), row)?;
    Ok(())
}

/// Takes a dead letter back to the end of its mailbox, uncounted and without an expiry.
pub(super) fn requeue(tx: &WriteTransaction, name: &str, sequence: u64) -> Result<Option<(u64, Slot)>> {
    let row = tx.open_table(DEAD)?.remove((name, sequence))?.map(|value| value.value());
    let Some((_, bytes, _, _)) = row else { return Ok(None) };
    let body = body(tx, name, sequence)?;
    tx.open_table(BODIES)?.remove((name, sequence))?;
    let slot = Slot { deliveries: 0, bytes, expires: u64::MAX };
    Ok(Some((put(tx, name, &body, slot)?, slot)))
}

/// Forgets a dead letter; its bytes, if there was one.
pub(super) fn discard(tx: &WriteTransaction, name: &str, sequence: u64) -> Result<Option<u64>> {
    let row = tx.open_table(DEAD)?.remove((name, sequence))?.map(|value| value.value());
    let Some((_, bytes, _, _)) = row else { return Ok(None) };
    tx.open_table(BODIES)?.remove((name, sequence))?;
    Ok(Some(bytes))
}

/// Raises a mark, never lowers it; what it is then.
pub(super) fn raise(tx: &WriteTransaction, kind: &str, key: &str, value: u64) -> Result<u64> {
    let highest = highest(tx, kind, key)?.map_or(value, |known| known.max(value));
    tx.open_table(MARKS)?.insert((kind, key), highest)?;
    Ok(highest)
}

/// What a mark was raised to.
pub(super) fn highest(tx: &WriteTransaction, kind: &str, key: &str) -> Result<Option<u64>> {
    Ok(tx.open_table(MARKS)?.get((kind, key))?.map(|value| value.value()))
}

/// Puts `key` into the set `kind`.
pub(super) fn add(tx: &WriteTransaction, kind: &str, key: &str) -> Result<()> {
    tx.open_table(SETS)?.insert((kind, key), ())?;
    Ok(())
}

/// The set `kind`, in order.
pub(super) fn all(tx: &WriteTransaction, kind: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for row in tx.open_table(SETS)?.range((kind, "")..)? {
        let (key, _) = row?;
        let (of, member) = key.value();
        if of != kind {
            break;
        }
        found.push(member.to_owned());
    }
    Ok(found)
}

/// Whether `key` is in the set `kind`.
pub(super) fn contains(tx: &WriteTransaction, kind: &str, key: &str) -> Result<bool> {
    Ok(tx.open_table(SETS)?.get((kind, key))?.is_some())
}
