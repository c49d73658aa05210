//! Nobody else makes up an action.
use airssys_osl::action::Action;
use airssys_osl::{ActionId, Clock};

enum Mine {}

impl Action for Mine {
    type Resource = Clock;
    fn id(_: &Clock) -> ActionId {
        ActionId::ClockRead
    }
}

fn main() {}
