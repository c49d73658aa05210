//! `airssys policy explain`: why was it, or would it be, allowed or denied?

use super::console::{Console, printable, shown_path};
use super::failure::Failure;
use super::verify::merge;
use super::{inputs, values};
use crate::audit::{self, Kind, Situation};
use crate::identity::{LOCAL_DEV, Name, Trust, Version};
use crate::policy::{Policies, Question, explain_lent};
use airssys_osl::own::OwnAction;
use airssys_osl::{ActionId, Caller, Host, Principal, Resource};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Say why something was, or would be, allowed or denied.
///
/// The question is a record of a log, or is put together here. Shown are the verdict, the policies that decided with
/// file and line, and for a denial the nearest permits, which of their conditions failed, and the least permit that
/// would allow it. The status is 0 whatever the verdict.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  airssys policy explain --policy policy.cedar --audit audit.jsonl --seq 7
  airssys policy explain --policy policy.cedar --principal acme/thumb --action fs:read \\
      --resource 'Path::\"/photos/a.jpg\"'")]
pub(super) struct Explain {
    /// Policy files.
    #[arg(long = "policy", value_name = "FILE")]
    policies: Vec<PathBuf>,
    /// Entity files in Cedar's JSON.
    #[arg(long, value_name = "FILE")]
    entities: Vec<PathBuf>,
    /// Schemas of interfaces that a host offers itself, in Cedar's schema syntax.
    #[arg(long, value_name = "FILE")]
    schema: Vec<PathBuf>,
    /// The log that holds the question.
    #[arg(long, value_name = "FILE", requires = "seq", required_unless_present = "principal")]
    audit: Option<PathBuf>,
    /// The number of its record.
    #[arg(long, value_name = "N", requires = "audit")]
    seq: Option<u64>,
    #[command(flatten)]
    question: Asked,
}

/// A question put together on the command line.
#[derive(Debug, Args)]
struct Asked {
    /// Who asks, as `publisher/name`.
    #[arg(long, value_name = "NAME", requires_all = ["action", "resource"], conflicts_with = "audit")]
    principal: Option<String>,
    /// What for, such as `fs:read`.
    #[arg(long, requires = "principal", value_parser = action)]
    action: Option<ActionId>,
    /// On what, such as `Path::"/data"`.
    #[arg(long, requires = "principal", value_parser = values::resource)]
    resource: Option<Resource>,
    /// For an endpoint: a host that its address was looked up as. May be repeated.
    #[arg(long, value_name = "HOST", requires = "principal", value_parser = host)]
    looked_up_as: Vec<Host>,
    /// Through which import; policies see it as `context.import`.
    #[arg(long, requires = "principal", default_value = "")]
    import: String,
    /// The component's version; 0.0.0 unless told.
    #[arg(long, value_name = "VERSION", requires = "principal", value_parser = version)]
    component_version: Option<Version>,
    /// The component's release number; 0 unless told.
    #[arg(long, value_name = "N", requires = "principal", default_value_t = 0)]
    release: u64,
    /// The component's signed hash; empty unless told.
    #[arg(long, value_name = "HASH", requires = "principal", default_value = "")]
    digest: String,
    /// The trust file, for the groups of the publisher; none unless told.
    #[arg(long, value_name = "FILE", requires = "principal")]
    trust: Option<PathBuf>,
}

fn action(text: &str) -> Result<ActionId, String> {
    let known = || ActionId::ALL.iter().map(|action| action.name()).collect::<Vec<_>>().join(", ");
    // Whether a host's own action exists, the schema says that is read with the policies.
    let own = || OwnAction::declare(text).ok().map(ActionId::Own);
    let missing =
        || format!("the actions are {}, and those of `--schema` such as `Acme::contact:read`", known());
    ActionId::parse(text).or_else(own).ok_or_else(missing)
}

fn host(text: &str) -> Result<Host, String> {
    Host::parse(text).map_err(|error| error.to_string())
}

fn version(text: &str) -> Result<Version, String> {
    Version::parse(text).ok_or_else(|| "write three numbers, such as `1.4.0`".to_owned())
}

/// A question, what the log says about it, and what to say besides the answer.
struct Case {
    question: Question,
    /// On whose authority it was allowed.
    lenders: Vec<Caller>,
    recorded: Option<Value>,
    notes: Vec<String>,
}

impl Explain {
    pub(super) fn run(self, console: Console) -> Result<u8, Failure> {
        let policies = inputs::policies(&self.schema, &self.policies, &self.entities)?;
        let case = match (&self.audit, self.seq) {
            (Some(path), Some(seq)) => recorded(path, seq, &policies)?,
            _ => self.question.case()?,
        };
        let explanation = explain_lent(&policies, &case.question, &case.lenders);
        let mut text: String =
            explanation.to_string().lines().map(|line| format!("{}\n", printable(line))).collect();
        let mut value = serde_json::to_value(&explanation).unwrap_or_default();
        let mut notes = case.notes;
        if let Some(recorded) = case.recorded {
            let then = recorded.get("verdict").and_then(Value::as_str).unwrap_or_default();
            if then != explanation.verdict {
                notes.push(format!(
                    "the verdict in the log is `{then}`: policies, entities or principal were others"
                ));
            }
            merge(&mut value, json!({ "recorded": recorded }));
        }
        notes.iter().for_each(|note| text += &format!("note: {}\n", printable(note)));
        merge(&mut value, json!({ "notes": notes }));
        console.answer(&text, &value)?;
        Ok(0)
    }
}

fn recorded(path: &Path, seq: u64, policies: &Policies) -> Result<Case, Failure> {
    let log = inputs::log(path)?;
    let found = audit::situation(log, seq).map_err(|error| inputs::bad_log(path, &error))?;
    let none = || {
        Failure::wrong(
            format!("`{}` has no record {seq}", shown_path(path)),
            "`airssys audit show` lists them",
        )
    };
    let situation = found.ok_or_else(none)?;
    let question = question(&situation).and_then(|question| Ok((question, situation.lenders()?)));
    let (question, lenders) = question.map_err(|why| {
        Failure::wrong(
            format!("record {seq} cannot be explained: {why}"),
            "choose a record of kind `decision` that was not cut",
        )
    })?;
    let mut notes = Vec::new();
    let now = policies.digests();
    if situation
        .policy_set
        .as_ref()
        .is_some_and(|then| then.policies != now.policies || then.entities != now.entities)
    {
        notes.push("these are not the policies and entities that were in force then, or their files have other names".to_owned());
    }
    let record = &situation.record;
    let recorded =
        json!({ "seq": seq, "time": record.time, "verdict": record.verdict, "policies": record.policies });
    Ok(Case { question, lenders, recorded: Some(recorded), notes })
}

fn question(situation: &Situation) -> Result<Question, String> {
    let record = &situation.record;
    if record.kind != Kind::Decision {
        return Err(format!("it is of kind `{}`", record.kind.name()));
    }
    if record.is_cut() {
        return Err("a part of it was cut, being too long for the log".to_owned());
    }
    let action = record.action_id().ok_or("its action is not known here")?;
    let import = record.import.as_deref().unwrap_or_default().to_owned();
    let (principal, chain) = (situation.party()?, Arc::new(situation.chain()?));
    Ok(Question { principal, action, resource: situation.resource()?, import, chain })
}

impl Asked {
    fn case(self) -> Result<Case, Failure> {
        let (Some(name), Some(action), Some(resource)) =
            (&self.principal, self.action, self.resource.clone())
        else {
            return Err(Failure::wrong("no question", "give `--principal`, `--action` and `--resource`"));
        };
        let resource = judged_as(resource, &self.looked_up_as)?;
        let trust = self.trust.as_deref().map(inputs::trust).transpose()?.map(|trusted| trusted.trust);
        let principal = self.principal(name, trust.as_ref())?;
        let mut notes = Vec::new();
        if self.component_version.is_none() || trust.is_none() {
            let (major, minor, patch) = principal.version;
            let groups =
                if principal.groups.is_empty() { "no group".to_owned() } else { principal.groups.join(", ") };
            notes.push(format!(
                "taken as version {major}.{minor}.{patch}, release {}, in {groups}",
                principal.release
            ));
        }
        Ok(Case {
            question: Question {
                principal: principal.into(),
                action,
                resource,
                import: self.import,
                chain: Arc::default(),
            },
            lenders: Vec::new(),
            recorded: None,
            notes,
        })
    }

    fn principal(&self, name: &str, trust: Option<&Trust>) -> Result<Principal, Failure> {
        let bad = || {
            Failure::wrong(
                format!("`{name}` is no component"),
                "write `publisher/name`, such as `acme/thumb`",
            )
        };
        let (publisher, own) = name.split_once('/').ok_or_else(bad)?;
        let (publisher, _) = (Name::parse(publisher).ok_or_else(bad)?, Name::parse(own).ok_or_else(bad)?);
        let groups = trust.and_then(|trust| trust.publisher(&publisher)).map(|known| known.groups());
        let version =
            self.component_version.map_or((0, 0, 0), |version| (version.major, version.minor, version.patch));
        Ok(Principal {
            name: name.to_owned(),
            publisher: publisher.to_string(),
            digest: self.digest.clone(),
            version,
            release: self.release,
            dev: publisher.as_str() == LOCAL_DEV,
            groups: groups.unwrap_or_default().iter().map(ToString::to_string).collect(),
        })
    }
}

/// An endpoint as somebody meets it who has looked it up by these names.
fn judged_as(resource: Resource, hosts: &[Host]) -> Result<Resource, Failure> {
    match resource {
        resource if hosts.is_empty() => Ok(resource),
        Resource::Endpoint(endpoint) => Ok(endpoint.looked_up_as(hosts.iter().cloned(), 0).into()),
        other => Err(Failure::wrong(
            format!("{other} is not looked up"),
            "give `--looked-up-as` with an endpoint, such as `Endpoint::\"192.0.2.1:443/tcp\"`",
        )),
    }
}
