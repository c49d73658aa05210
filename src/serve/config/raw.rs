//! The grammar of `airssys.toml`: every key there is, as it is written.

use crate::identity::Limits;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroU64};
use std::ops::Range;
use std::path::PathBuf;
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFile {
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) mount: Vec<RawMount>,
    #[serde(default)]
    pub(super) env: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    pub(super) policy: Vec<PathBuf>,
    #[serde(default)]
    pub(super) entities: Vec<PathBuf>,
    pub(super) trust: Option<PathBuf>,
    pub(super) audit: Option<PathBuf>,
    pub(super) code_cache: Option<PathBuf>,
    pub(super) serve: Option<Spanned<RawServe>>,
    #[serde(default)]
    pub(super) operator: Vec<Spanned<RawOperator>>,
    #[serde(default)]
    pub(super) component: Vec<Spanned<RawComponent>>,
    #[serde(default)]
    pub(super) supervisor: Vec<Spanned<RawSupervisor>>,
    #[serde(default)]
    pub(super) links: Vec<Spanned<RawLink>>,
}

impl RawFile {
    /// The first thing that only a served system has.
    pub(super) fn of_a_system(&self) -> Option<(&'static str, Range<usize>)> {
        let serve = self.serve.as_ref().map(|serve| ("[serve]", serve.span()));
        let operator = self.operator.first().map(|one| ("[[operator]]", one.span()));
        let component = self.component.first().map(|one| ("[[component]]", one.span()));
        let supervisor = self.supervisor.first().map(|one| ("[[supervisor]]", one.span()));
        let link = self.links.first().map(|one| ("[[links]]", one.span()));
        serve.or(operator).or(component).or(supervisor).or(link)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawMount {
    pub(super) host: Spanned<PathBuf>,
    pub(super) guest: Spanned<String>,
    #[serde(default)]
    pub(super) read_only: bool,
    #[serde(default)]
    pub(super) cross_devices: bool,
    #[serde(default)]
    pub(super) special_files: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawServe {
    pub(super) control: Option<Spanned<PathBuf>>,
    pub(super) metrics: Option<Spanned<String>>,
    pub(super) state: Spanned<PathBuf>,
    pub(super) shutdown_ms: Option<NonZeroU64>,
    pub(super) watch: Option<Spanned<PathBuf>>,
    pub(super) traces: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOperator {
    pub(super) uid: Spanned<u32>,
    #[serde(default)]
    pub(super) groups: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawComponent {
    pub(super) name: Spanned<String>,
    pub(super) file: Spanned<PathBuf>,
    #[serde(default)]
    pub(super) restart: super::Restart,
    #[serde(default)]
    pub(super) mailbox: RawMailbox,
    pub(super) shutdown_ms: Option<NonZeroU64>,
    #[serde(default)]
    pub(super) limits: Limits,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMailbox {
    pub(super) capacity: Option<Spanned<u32>>,
    #[serde(default)]
    pub(super) durable: bool,
    pub(super) max_deliveries: Option<Spanned<NonZeroU32>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSupervisor {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) strategy: super::Strategy,
    pub(super) restarts: Option<u32>,
    pub(super) within_ms: Option<NonZeroU64>,
    #[serde(default)]
    pub(super) backoff: Option<Spanned<RawBackoff>>,
    #[serde(default)]
    pub(super) children: Vec<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBackoff {
    pub(super) first_ms: NonZeroU64,
    pub(super) most_ms: NonZeroU64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLink {
    pub(super) from: Spanned<String>,
    pub(super) import: Spanned<String>,
    pub(super) to: Spanned<String>,
}
