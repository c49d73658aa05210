//! Exit statuses: the one table that code and help text read.
//!
//! Statuses from 124 up are ours; everything below is the guest's own. A guest that ends with one of ours cannot be
//! told apart by the number, which is why `--json` names the outcome too.

/// How the program ends when it is not the guest that says so; the discriminant is the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Exit {
    /// Everything asked for was done.
    Done = 0,
    /// The function that was called answered with an error of its own.
    GuestError = 1,
    /// A time limit ended the component.
    TimeLimit = 124,
    /// Something is wrong with what we were given.
    Own = 125,
    /// What we were given is well formed and is not let through.
    Refused = 126,
    /// There is no such component.
    NotFound = 127,
    /// The component trapped.
    Trap = 134,
}

/// Status, word in JSON, meaning in the help text.
const TABLE: &[(Exit, &str, &str)] = &[
    (Exit::Done, "done", "done; of `run`: the guest's own status, as are all others below 124"),
    (Exit::GuestError, "guest-error", "of `call`: the function returned an error, which was printed"),
    (Exit::TimeLimit, "time-limit", "the component used up its time; of `serve`: not all had ended in time"),
    (Exit::Own, "error", "usage, configuration, policy or a file is wrong"),
    (Exit::Refused, "refused", "refused: identity, an import that is not offered, an altered log"),
    (Exit::NotFound, "not-found", "there is no such component"),
    (Exit::Trap, "trap", "the component trapped"),
];

impl Exit {
    /// The status as a number.
    pub(super) const fn code(self) -> u8 {
        self as u8
    }

    /// The word for it in `--json`.
    pub(super) fn word(self) -> &'static str {
        TABLE.iter().find(|(exit, ..)| *exit == self).map_or("error", |(_, word, _)| word)
    }
}

/// The table as the help text shows it.
pub(super) fn help() -> String {
    let row = |(exit, _, meaning): &(Exit, &str, &str)| format!("  {:>3}  {meaning}\n", exit.code());
    format!("Exit status:\n{}", TABLE.iter().map(row).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_rows_share_a_status_or_a_word() {
        for (at, (exit, word, _)) in TABLE.iter().enumerate() {
            assert!(TABLE[..at].iter().all(|(before, said, _)| before != exit && said != word));
            assert_eq!(exit.word(), *word);
        }
        let codes: Vec<u8> = TABLE.iter().map(|(exit, ..)| exit.code()).collect();
        assert_eq!(codes, [0, 1, 124, 125, 126, 127, 134]);
    }
}
