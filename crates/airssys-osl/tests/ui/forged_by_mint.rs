//! Minting is the gate's own.
use airssys_osl::gate::permit::mint;

fn main() {}
