//! The tables, and opening what holds them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use redb::{Builder, Database, ReadableDatabase, Table, TableDefinition, TableHandle, WriteTransaction};

use super::error::StoreError;
use super::shared::Shared;

/// A mailbox's name and a sequence in it.
pub(super) type Key = (&'static str, u64);
/// Deliveries so far, when it expires (wall-clock milliseconds), bytes in its body.
pub(super) type HeadRow = (u32, Option<u64>, u64);
/// Deliveries so far, why it is dead, bytes in its body.
pub(super) type DeadRow = (u32, u8, u64);

const FORMAT: u64 = 1;
/// The store's messages are bounded by their terms; the cache need not hold them all.
const CACHE: usize = 16 << 20;

const META: TableDefinition<'static, &str, u64> = TableDefinition::new("airssys-store");
const NEXT: TableDefinition<'static, &str, u64> = TableDefinition::new("next-sequence");
const HEADS: TableDefinition<'static, Key, HeadRow> = TableDefinition::new("messages");
const BODIES: TableDefinition<'static, Key, &[u8]> = TableDefinition::new("bodies");
const DEAD: TableDefinition<'static, Key, DeadRow> = TableDefinition::new("dead-letters");
const HIGHEST: TableDefinition<'static, (&str, &str), u64> = TableDefinition::new("highest");
const MEMBERS: TableDefinition<'static, (&str, &str), ()> = TableDefinition::new("members");

/// All tables of one transaction.
pub(super) struct Tables<'txn> {
    pub(super) next: Table<'txn, &'static str, u64>,
    pub(super) heads: Table<'txn, Key, HeadRow>,
    pub(super) bodies: Table<'txn, Key, &'static [u8]>,
    pub(super) dead: Table<'txn, Key, DeadRow>,
    pub(super) highest: Table<'txn, (&'static str, &'static str), u64>,
    pub(super) members: Table<'txn, (&'static str, &'static str), ()>,
}

impl<'txn> Tables<'txn> {
    pub(super) fn of(transaction: &'txn WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            next: transaction.open_table(NEXT)?,
            heads: transaction.open_table(HEADS)?,
            bodies: transaction.open_table(BODIES)?,
            dead: transaction.open_table(DEAD)?,
            highest: transaction.open_table(HIGHEST)?,
            members: transaction.open_table(MEMBERS)?,
        })
    }
}

/// A transaction whose commit is on disk when it returns.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, StoreError> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(redb::Durability::Immediate)?;
    // The bodies are written by strangers: no commit may hang on a checksum that they could aim at.
    transaction.set_two_phase_commit(true);
    Ok(transaction)
}

/// Opens what `backend` holds, or begins a store in it when it is empty.
///
/// redb repairs what a crash left, and writes before it knows whether that can be done at all. So all it writes is
/// held back until the store is open; what cannot be opened stays as it was.
pub(super) fn open(backend: &Shared) -> Result<Database, StoreError> {
    backend.hold_back()?;
    let opened = open_held_back(backend).and_then(|database| backend.let_through().map(|()| database));
    if opened.is_err() {
        // What redb wrote on its way out is forgotten as well.
        backend.forget();
    }
    opened
}

fn open_held_back(backend: &Shared) -> Result<Database, StoreError> {
    // redb says of itself that it may panic over a damaged file. One that does is damaged.
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
        let database = builder.create_with_backend(backend.clone()).map_err(StoreError::from_opening)?;
        check_format(&database).map(|()| database)
    }));
    opened.unwrap_or_else(|_| Err(StoreError::Damaged("it does not hold together".to_owned())))
}

fn check_format(database: &Database) -> Result<(), StoreError> {
    let reading = database.begin_read()?;
    let names: Vec<_> = reading.list_tables()?.map(|table| table.name().to_owned()).collect();
    if names.is_empty() {
        return initialise(database);
    }
    if !names.iter().any(|name| name == META.name()) {
        return Err(StoreError::Foreign("a database of something else".to_owned()));
    }
    let format = reading.open_table(META)?.get("format")?.map(|format| format.value());
    match format {
        Some(FORMAT) => Ok(()),
        Some(later) => Err(StoreError::Newer(later)),
        None => Err(StoreError::Damaged("its format is not said".to_owned())),
    }
}

fn initialise(database: &Database) -> Result<(), StoreError> {
    let transaction = begin(database)?;
    transaction.open_table(META)?.insert("format", FORMAT)?;
    drop(Tables::of(&transaction)?);
    Ok(transaction.commit()?)
}
