//! An effect consumes its permit.
use airssys_osl::action::ClockRead;
use airssys_osl::{Permit, clock::Reader};

fn twice(permit: Permit<ClockRead>) -> (Reader, Reader) {
    (Reader::new(permit), Reader::new(permit))
}

fn main() {}
