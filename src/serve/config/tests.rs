//! Configurations of served systems, and what is wrong with them.

use super::*;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

fn parse(text: &str) -> Result<SystemConfig, Box<ConfigError>> {
    SystemConfig::parse(text, Path::new("conf/airssys.toml"), Path::new("conf"))
}

const SERVE: &str = "[serve]\nstate = 's'\n";
const TWO: &str = "[serve]\nstate = 's'\n[[component]]\nname = 'acme/a'\nfile = 'a'\n[[component]]\nname = 'acme/b'\nfile = 'b'\n";

/// What is wrong, and what to do, one line each.
fn told(cases: &[String]) -> String {
    let mut out = String::new();
    for text in cases {
        let error = parse(text).expect_err(text);
        let help = miette::Diagnostic::help(&*error).unwrap().to_string();
        assert!(!error.to_string().contains('\n'), "{error}");
        writeln!(out, "{error}\n    {help}").unwrap();
    }
    out
}

#[test]
fn mistakes_about_the_server_and_its_operators_are_told_where_they_stand() {
    let bad: Vec<String> = [
        "policy = []",
        "[serve]",
        "[serve]\nstate = ''",
        "[serve]\nstate = 's'\ncontrol = ''",
        "[serve]\nstate = 's'\nport = 1",
        "[serve]\nstate = 's'\nmetrics = 'localhost:9000'",
        "[serve]\nstate = 's'\nmetrics = '70000'",
        "[serve]\nstate = 's'\nshutdown_ms = 0",
        "[serve]\nstate = 's'\n[[operator]]\nuid = 65534",
        "[serve]\nstate = 's'\n[[operator]]\nuid = -1",
        "[serve]\nstate = 's'\n[[operator]]\nuid = 'me'",
        "[serve]\nstate = 's'\n[[operator]]\nuid = 1\n[[operator]]\nuid = 1",
        "[serve]\nstate = 's'\n[[operator]]\nuid = 1\ngroups = ['On Call']",
        "[serve]\nstate = 's'\n[[operator]]\nuid = 1\nname = 'me'",
    ]
    .map(str::to_owned)
    .into();
    insta::assert_snapshot!(told(&bad));
}

#[test]
fn mistakes_about_components_are_told_where_they_stand() {
    let component = |lines: &str| format!("{SERVE}[[component]]\nname = 'acme/a'\nfile = 'f'\n{lines}");
    let mut bad: Vec<String> = [
        "restart = 'always'",
        "mailbox = { capacity = 0 }",
        "mailbox = { capacity = 1000001 }",
        "mailbox = { size = 1 }",
        "mailbox = { full = 'drop-oldest' }",
        "mailbox = { max_deliveries = 3 }",
        "mailbox = { durable = true, max_deliveries = 0 }",
        "limits = { fuel = 1 }",
        "shutdown_ms = 0",
        "[[component]]\nname = 'acme/a'\nfile = 'g'",
    ]
    .map(component)
    .into();
    for name in ["thumb", "acme/", "Acme/a", "local-dev/a", "acme/a\\u001b"] {
        bad.push(format!("{SERVE}[[component]]\nname = \"{name}\"\nfile = 'f'"));
    }
    bad.push(format!("{SERVE}[[component]]\nname = 'acme/a'"));
    bad.push(format!("{SERVE}[[component]]\nname = 'acme/a'\nfile = ''"));
    insta::assert_snapshot!(told(&bad));
}

#[test]
fn mistakes_about_supervisors_are_told_where_they_stand() {
    let bad: Vec<String> = [
        "[[supervisor]]\nname = 's'\nchildren = ['acme/c']",
        "[[supervisor]]\nname = 's'\nchildren = ['t']",
        "[[supervisor]]\nname = 's'\nchildren = ['acme/a', 'acme/a']",
        "[[supervisor]]\nname = 's'\nchildren = ['acme/a']\n[[supervisor]]\nname = 't'\nchildren = ['acme/a']",
        "[[supervisor]]\nname = 's'\n[[supervisor]]\nname = 's'",
        "[[supervisor]]\nname = 's'\nchildren = ['s']",
        "[[supervisor]]\nname = 's'\nchildren = ['t']\n[[supervisor]]\nname = 't'\nchildren = ['s']",
        "[[supervisor]]\nname = 's'\nchildren = ['root']",
        "[[supervisor]]\nname = 'S'",
        "[[supervisor]]\nname = 's'\nstrategy = 'all'",
        "[[supervisor]]\nname = 's'\nwithin_ms = 0",
        "[[supervisor]]\nname = 's'\nbackoff = { first_ms = 2, most_ms = 1 }",
        "[[supervisor]]\nname = 's'\nbackoff = { first_ms = 2 }",
        "[[supervisor]]\nname = 's'\nrestart = 3",
    ]
    .map(|text| format!("{TWO}{text}"))
    .into();
    insta::assert_snapshot!(told(&bad));
}

#[test]
fn mistakes_about_links_are_told_where_they_stand() {
    let link = |from, import, to| format!("[[links]]\nfrom = '{from}'\nimport = '{import}'\nto = '{to}'\n");
    let good = link("acme/a", "acme:text/shout@1.0.0", "acme/b");
    let bad: Vec<String> = [
        link("acme/c", "acme:text/shout", "acme/b"),
        link("acme/a", "acme:text/shout", "acme/c"),
        link("acme/a", "acme:text/shout", "acme/a"),
        link("acme/a", "shout", "acme/b"),
        link("acme/a", "acme:text/", "acme/b"),
        link("acme/a", "acme:text/shout@", "acme/b"),
        link("acme/a", "acme:text/shout@new", "acme/b"),
        link("acme/a", "wasi:clocks/wall-clock@0.2.0", "acme/b"),
        link("acme/a", "airssys:runtime/messaging", "acme/b"),
        format!("{good}{good}"),
        "[[links]]\nfrom = 'acme/a'\nto = 'acme/b'".to_owned(),
        "[[link]]\nfrom = 'acme/a'".to_owned(),
    ]
    .map(|text| format!("{TWO}{text}"))
    .into();
    insta::assert_snapshot!(told(&bad));
}

#[test]
fn a_tree_deeper_than_the_bound_is_refused() {
    let mut text = SERVE.to_owned();
    for depth in 0..40 {
        writeln!(text, "[[supervisor]]\nname = 's{depth}'\nchildren = ['s{}']", depth + 1).unwrap();
    }
    text += "[[supervisor]]\nname = 's40'";
    let said = parse(&text).unwrap_err().to_string();
    assert!(said.contains("stands beneath more than 16 supervisors"), "{said}");
}

#[test]
fn what_is_not_said_is_closed_and_bounded() {
    let config = parse(TWO).unwrap();
    assert_eq!(config.serve.control, Path::new(crate::serve::CONTROL));
    assert_eq!((config.serve.metrics, config.serve.watch), (None, None));
    assert!(config.operators.is_empty() && config.links.is_empty());
    let a = &config.components[0];
    assert_eq!((a.restart, a.mailbox.durable), (Restart::Permanent, None));
    assert_eq!((a.mailbox.capacity.get(), a.shutdown), (64, Duration::from_secs(5)));
    let names = |children: &[Child]| children.iter().map(|child| format!("{child:?}")).collect::<Vec<_>>();
    assert_eq!(config.root.name.as_str(), "root");
    assert_eq!(names(&config.root.children).len(), 2);
    assert_eq!(config.serve.state, Path::new("conf/s"));
}

#[test]
fn everything_that_can_be_said_is_read() {
    let config = parse(include_str!("whole.toml")).unwrap();
    insta::assert_debug_snapshot!(config);
    let protected = config.protected();
    for path in
        ["conf/control.sock", "conf/state", "conf/incoming", "conf/a.wasm", "conf/p.cedar", "conf/trust.toml"]
    {
        assert!(protected.iter().any(|one| one == Path::new(path)), "{path}");
    }
}
