//! What a component is and could do, told without running any of its code.

use crate::embed::value;
use crate::host::linked::{Links, can_cross};
use crate::identity::{self, VerifiedComponent};
use crate::kernel::{Compiled, Function, Imports, Limits, Row, Track};
use crate::policy::{self, Outlook, Policies};
use airssys_osl::ActionId;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a call over a link is decided on.
const FUNCTION: &str = "Function";

/// Everything that is known of a verified component.
#[derive(Debug, Clone, Serialize)]
pub struct Inspection {
    /// `publisher/component`.
    pub name: String,
    /// Version, `major.minor.patch`.
    pub version: String,
    /// Release number.
    pub release: u64,
    /// SHA-256 that the signature covers, hexadecimal.
    pub digest: String,
    /// SHA-256 of the whole file, hexadecimal.
    pub file_digest: String,
    /// Id of the key that signed it, hexadecimal.
    pub key_id: String,
    /// Groups that the trust file grants its publisher.
    pub groups: Vec<String>,
    /// When the identity runs out, RFC 3339.
    pub valid_until: Option<String>,
    /// What its manifest asks for; shown, granted by nobody.
    pub requests: BTreeMap<String, Vec<String>>,
    /// The limits that would be in force for it.
    pub limits: Limits,
    /// The limits that its manifest asks to be held to.
    pub limits_requested: identity::Limits,
    /// The limits that the host grants at most.
    pub limits_granted: Limits,
    /// Its exported functions.
    pub exports: Vec<ExportView>,
    /// Its imported functions.
    pub imports: Vec<ImportView>,
    /// For each action that an import can ask for: how it stands under the policies.
    pub outlook: Vec<Outlook>,
}

/// An exported function.
#[derive(Debug, Clone, Serialize)]
pub struct ExportView {
    /// Its interface with version; none at the root.
    pub interface: Option<String>,
    /// Its name.
    pub function: String,
    /// Its type in WIT.
    pub signature: String,
}

/// An imported function.
#[derive(Debug, Clone, Serialize)]
pub struct ImportView {
    /// Its interface with version.
    pub interface: String,
    /// Its name.
    pub function: String,
    /// Whether the kernel offers it.
    pub offered: bool,
    /// Whether another component has to serve it, and could.
    pub needs_link: bool,
    /// The component that serves it.
    pub linked: Option<String>,
    /// The actions it can ask for.
    pub asks: Vec<&'static str>,
    /// On what, in words.
    pub on: Option<&'static str>,
}

impl Inspection {
    pub(crate) fn of(
        verified: &VerifiedComponent,
        compiled: &Compiled,
        (imports, links): (&Imports, &Links),
        policies: &Policies,
        (limits_granted, limits): (Limits, Limits),
    ) -> Result<Inspection, String> {
        let principal = verified.principal();
        let (major, minor, patch) = principal.version;
        let imports: Vec<ImportView> =
            compiled.imported_functions().into_iter().map(|it| view(it, imports, links)).collect();
        let mut outlook = policy::outlook(policies, principal)?;
        outlook.retain(|row| imports.iter().any(|import| import.asks.contains(&row.action)));
        Ok(Inspection {
            name: principal.name.clone(),
            version: format!("{major}.{minor}.{patch}"),
            release: principal.release,
            digest: principal.digest.clone(),
            file_digest: verified.file_digest().to_owned(),
            key_id: verified.key_id().to_owned(),
            groups: principal.groups.clone(),
            valid_until: verified.valid_until().map(|until| until.to_string()),
            requests: verified.manifest().requests.clone(),
            limits,
            limits_requested: verified.manifest().limits,
            limits_granted,
            exports: compiled.exports().into_iter().map(ExportView::from).collect(),
            imports,
            outlook,
        })
    }
}

fn view(import: Function, imports: &Imports, links: &Links) -> ImportView {
    let (interface, function) = (import.interface.unwrap_or_default(), import.name);
    let row: Option<&'static Row> = imports.row_of(&interface, &function);
    let asks = row.map(|row| row.asks.iter().map(|action| action.name()).collect()).unwrap_or_default();
    let track = Track::of(&interface);
    let linked = links.each().find(|(name, _)| track.is_some() && Track::of(name) == track);
    let linked = linked.filter(|_| row.is_none()).map(|(_, callee)| callee.to_owned());
    let is_free = row.is_none() && imports.is_free(&interface) && can_cross(&import.ty);
    ImportView {
        offered: row.is_some(),
        needs_link: is_free && linked.is_none(),
        asks: if is_free { vec![ActionId::ComponentCall.name()] } else { asks },
        on: if is_free { Some(FUNCTION) } else { row.map(|row| row.on) },
        linked,
        interface,
        function,
    }
}

impl From<crate::kernel::Function> for ExportView {
    fn from(export: crate::kernel::Function) -> ExportView {
        let signature = value::signature(&export.ty);
        ExportView { interface: export.interface, function: export.name, signature }
    }
}
