//! There is no permit from nothing.
use airssys_osl::Permit;
use airssys_osl::action::ClockRead;

fn main() {
    let _: Permit<ClockRead> = Default::default();
}
