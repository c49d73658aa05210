//! Files of the host that change: told when they have settled, each once.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test builds its world by hand"
)]

use airssys_osl::host_files::{Privacy, replace_ambient};
use airssys_osl::host_watch::{HostWatch, MOST_FILES};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const AT_LAST: Duration = Duration::from_secs(60);

async fn next(watch: &mut HostWatch) -> Vec<PathBuf> {
    tokio::time::timeout(AT_LAST, watch.changed()).await.expect("it is told")
}

fn watching(path: &Path) -> HostWatch {
    HostWatch::new_ambient(&[path.to_owned()]).unwrap()
}

/// Nothing more is told: what is made now comes alone.
async fn nothing_else(watch: &mut HostWatch, directory: &Path) {
    let last = directory.join("last");
    std::fs::write(&last, "x").unwrap();
    assert_eq!(next(watch).await, [last]);
}

/// Writes bit by bit. The longest pause, which is not always as short as it was meant to be.
fn write_slowly(path: &Path) -> Duration {
    let (mut file, mut longest, mut before) =
        (std::fs::File::create(path).unwrap(), Duration::ZERO, Instant::now());
    for _ in 0..30 {
        std::thread::sleep(Duration::from_millis(40));
        file.write_all(b"permit ").unwrap();
        longest = longest.max(before.elapsed());
        before = Instant::now();
    }
    longest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_half_written_is_not_told() {
    let directory = tempfile::tempdir().unwrap();
    for attempt in 0..20 {
        let path = directory.path().join(format!("slow-{attempt}.cedar"));
        let mut watch = watching(directory.path());
        let writer = tokio::task::spawn_blocking({
            let path = path.clone();
            move || write_slowly(&path)
        });
        let told = next(&mut watch).await;
        let bytes = std::fs::metadata(&path).unwrap().len();
        if writer.await.unwrap() < Duration::from_millis(200) {
            assert_eq!((told, bytes), (vec![path], 30 * 7));
            nothing_else(&mut watch, directory.path()).await;
            return;
        }
    }
    panic!("this machine is too busy to write a file without stopping in between");
}

#[tokio::test]
async fn other_files_are_watched_from_the_moment_that_is_said_and_no_others() {
    let directory = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let (old, new) = (directory.path().join("old"), elsewhere.path().join("new"));
    for path in [&old, &new] {
        std::fs::write(path, "1").unwrap();
    }
    let mut watch = watching(&old);
    watch.files().set_ambient(vec![new.clone()]);
    std::fs::write(&old, "22").unwrap();
    std::fs::write(&new, "22").unwrap();
    assert_eq!(next(&mut watch).await, std::slice::from_ref(&new));
    std::fs::remove_file(&new).unwrap();
    assert_eq!(next(&mut watch).await, [new]);
}

#[tokio::test]
async fn a_directory_or_more_files_than_can_be_watched_are_not_told() {
    let directory = tempfile::tempdir().unwrap();
    let mut watch = watching(directory.path());
    std::fs::create_dir(directory.path().join("below")).unwrap();
    std::fs::write(directory.path().join("below/deep"), "x").unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        directory.path().join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    nothing_else(&mut watch, directory.path()).await;
    for n in 0..MOST_FILES {
        std::fs::write(directory.path().join(format!("{n}")), "").unwrap();
    }
    let error = HostWatch::new_ambient(&[directory.path().to_owned()]).unwrap_err();
    assert!(error.to_string().contains("more than 4096 files"), "{error}");
}

#[tokio::test]
async fn a_file_is_told_when_another_is_put_in_its_place_and_its_neighbours_are_not() {
    let directory = tempfile::tempdir().unwrap();
    let [trust, neighbour] = ["trust.toml", "neighbour"].map(|name| directory.path().join(name));
    std::fs::write(&trust, "before").unwrap();
    let mut watch = watching(&trust);
    std::fs::write(&neighbour, "x").unwrap();
    replace_ambient(&trust, b"after!", Privacy::Private).unwrap();
    assert_eq!(next(&mut watch).await, std::slice::from_ref(&trust));
    replace_ambient(&trust, b"again!", Privacy::Private).unwrap();
    assert_eq!(next(&mut watch).await, [trust]);
}

#[tokio::test]
async fn a_file_that_is_not_there_is_told_when_it_comes_and_when_it_goes() {
    let directory = tempfile::tempdir().unwrap();
    let trust = directory.path().join("trust.toml");
    let mut watch = watching(&trust);
    std::fs::write(&trust, "x").unwrap();
    assert_eq!(next(&mut watch).await, std::slice::from_ref(&trust));
    std::fs::remove_file(&trust).unwrap();
    assert_eq!(next(&mut watch).await, std::slice::from_ref(&trust));
    assert!(HostWatch::new_ambient(&[directory.path().join("no/where/trust.toml")]).is_err());
}

#[tokio::test]
async fn of_a_thousand_files_at_once_each_is_told_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut watch = watching(directory.path());
    let paths: BTreeSet<PathBuf> = (0..1000).map(|n| directory.path().join(format!("{n}.wasm"))).collect();
    paths.iter().for_each(|path| std::fs::write(path, "x").unwrap());
    let mut told = Vec::new();
    while told.len() < paths.len() {
        let some = next(&mut watch).await;
        assert!(some.is_sorted());
        told.extend(some);
    }
    assert_eq!(told.len(), paths.len());
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), paths);
    nothing_else(&mut watch, directory.path()).await;
}

/// As Kubernetes puts other files in place, and as many a deployment does.
#[tokio::test]
async fn what_a_link_leads_to_counts_as_the_file() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("mounted");
    for (name, text) in [("one", "before"), ("two", "after!")] {
        std::fs::create_dir_all(directory.join(name)).unwrap();
        std::fs::write(directory.join(name).join("a.cedar"), text).unwrap();
    }
    let link = |to: &str| {
        std::os::unix::fs::symlink(to, directory.join("draft")).unwrap();
        std::fs::rename(directory.join("draft"), directory.join("data")).unwrap();
    };
    link("one");
    std::os::unix::fs::symlink("data/a.cedar", directory.join("a.cedar")).unwrap();
    let mut watch = watching(&directory);
    link("two");
    assert_eq!(next(&mut watch).await, [directory.join("a.cedar")]);
}

#[tokio::test]
async fn a_directory_that_is_replaced_is_watched_in_its_place_also_where_nobody_tells() {
    let root = tempfile::tempdir().unwrap();
    let [one, two, policies] = ["one", "two", "policies"].map(|name| root.path().join(name));
    std::fs::create_dir(&one).unwrap();
    std::fs::create_dir(&two).unwrap();
    std::fs::write(two.join("new.cedar"), "x").unwrap();
    std::os::unix::fs::symlink(&one, &policies).unwrap();
    let mut watch = watching(&policies);
    // The system tells nothing of this: the directory itself is as it was.
    std::fs::remove_file(&policies).unwrap();
    std::os::unix::fs::symlink(&two, &policies).unwrap();
    assert_eq!(next(&mut watch).await, [policies.join("new.cedar")]);
    let begun = Instant::now();
    std::fs::write(two.join("newer.cedar"), "x").unwrap();
    assert_eq!(next(&mut watch).await, [policies.join("newer.cedar")]);
    assert!(begun.elapsed() < Duration::from_secs(9), "it is told where it is now");
}
