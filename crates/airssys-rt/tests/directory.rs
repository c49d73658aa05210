//! A name that nobody has is an error, never a place where messages vanish.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::num::NonZeroUsize;

use airssys_rt::directory::{Directory, DirectoryError};
use airssys_rt::mailbox::{Mailbox, bounded};

fn listed(directory: &Directory<u8>, name: &str) -> Mailbox<u8> {
    let (address, mailbox) = bounded(NonZeroUsize::MIN);
    directory.register(name, address).unwrap();
    mailbox
}

#[test]
fn an_unknown_name_is_an_error_that_says_the_name() {
    let directory = Directory::<u8>::new();
    let error = directory.address("acme/thumb").unwrap_err();
    assert!(matches!(&error, DirectoryError::Unknown { name } if name == "acme/thumb"));
    assert!(error.to_string().contains("`acme/thumb`"));
}

#[test]
fn a_name_is_matched_whole_and_not_by_prefix() {
    let directory = Directory::new();
    let _mailbox = listed(&directory, "acme/thumb");
    for other in ["acme/thum", "acme/thumbs", "acme", "acme/*", "*", "", "ACME/thumb", "acme/thumb/"] {
        assert!(matches!(directory.address(other), Err(DirectoryError::Unknown { .. })), "`{other}`");
    }
}

#[test]
fn the_name_of_an_ended_owner_is_unknown_and_may_be_given_anew() {
    let directory = Directory::new();
    drop(listed(&directory, "acme/thumb"));
    assert!(matches!(directory.address("acme/thumb"), Err(DirectoryError::Unknown { .. })));
    let mailbox = listed(&directory, "acme/thumb");
    directory.address("acme/thumb").unwrap().try_send(1).unwrap();
    assert_eq!(mailbox.waiting(), 1);
}

#[test]
fn a_taken_name_is_refused_and_its_owner_keeps_it() {
    let directory = Directory::new();
    let first = listed(&directory, "acme/thumb");
    let (address, second) = bounded(NonZeroUsize::MIN);
    let error = directory.register("acme/thumb", address).unwrap_err();
    assert!(matches!(&error, DirectoryError::Taken { name } if name == "acme/thumb"));
    directory.address("acme/thumb").unwrap().try_send(1).unwrap();
    assert_eq!((first.waiting(), second.waiting()), (1, 0));
}

#[test]
fn a_removed_name_is_unknown_to_all_clones() {
    let directory = Directory::new();
    let _mailbox = listed(&directory, "acme/thumb");
    let clone = directory.clone();
    directory.remove("acme/thumb").unwrap();
    assert!(clone.address("acme/thumb").is_err());
    assert!(clone.remove("acme/thumb").is_err());
}

#[tokio::test]
async fn a_message_goes_to_the_one_who_has_the_name() {
    let directory = Directory::new();
    let mut thumb = listed(&directory, "acme/thumb");
    let other = listed(&directory, "acme/other");
    directory.address("acme/thumb").unwrap().send(7).await.unwrap();
    assert_eq!(thumb.receive().await, Some(7));
    assert_eq!(other.waiting(), 0);
}
