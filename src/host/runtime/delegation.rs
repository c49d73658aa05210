//! airssys:runtime/delegation: lending what one may do, for a time.

use super::RuntimeFail;
use crate::host::bindings::runtime::delegation::Terms as Told;
use crate::host::bindings::runtime::types::Error as Code;
use crate::host::wasi::pool::Pool;
use crate::kernel::{Call, Fail, Guarded, Holder};
use airssys_osl::action::ComponentDelegate;
use airssys_osl::{Accepted, ActionId, LendError, Peer, Permit, Resource as Target, Terms, lend};
use std::time::{Duration, Instant};
use wasmtime::component::Resource;

/// The permit to lend to that component. Decided on before anything about the terms is said.
fn permit(g: &Guarded<'_>, call: &Call, to: &str) -> Result<Permit<ComponentDelegate>, RuntimeFail> {
    let peer = Peer::named(to).ok_or_else(|| invalid(format!("`{}` names no component", shown(to))))?;
    Ok(g.session().authorize(peer, call.import())?)
}

fn invalid(text: String) -> RuntimeFail {
    RuntimeFail::Code(Code::Invalid(text))
}

/// As much of a guest's own text as is told back to it.
fn shown(text: &str) -> String {
    text.chars().take(120).collect()
}

fn terms(told: Told) -> Result<Terms, RuntimeFail> {
    let action = |name: &String| {
        ActionId::parse(name).ok_or_else(|| invalid(format!("`{}` is no action", shown(name))))
    };
    let actions = told.actions.iter().map(action).collect::<Result<Vec<_>, _>>()?;
    let resource = Target::parse(&told.kind, &told.id).map_err(invalid)?;
    let deadline = Instant::now().checked_add(Duration::from_millis(told.lifetime_ms));
    let deadline = deadline.ok_or_else(|| invalid("no clock goes that far".to_owned()))?;
    Ok(Terms::new(actions, resource, deadline, told.depth)?)
}

/// A limit leaves its record, whatever becomes of the guest.
fn told(g: &Guarded<'_>, error: LendError) -> RuntimeFail {
    if let LendError::Limit(limit) = &error {
        g.exceed(*limit);
    }
    error.into()
}

pub(crate) fn delegation_delegate(
    g: &mut Guarded<'_>,
    call: Call,
    to: String,
    lent: Told,
) -> Result<u64, RuntimeFail> {
    let permit = permit(g, &call, &to)?;
    lend(permit, terms(lent)?, call.import()).map_err(|error| told(g, error))
}

pub(crate) async fn delegation_withdraw(g: &mut Guarded<'_>, call: Call, id: u64) -> Result<(), RuntimeFail> {
    let ended = g.session().withdraw(id, call.import()).map_err(|error| told(g, error))?;
    // From here on nothing begins by it. What others do at this moment may take as long as a disk does.
    let waited = Pool::of(g.state).run(move || ended.wait()).await;
    waited.map_err(|error| RuntimeFail::Trap(error.into()))
}

pub(crate) fn delegation_accept(
    g: &mut Guarded<'_>,
    call: Call,
    id: u64,
) -> Result<Resource<Accepted>, RuntimeFail> {
    g.make_room()?;
    let accepted = g.session().accept_lent(id, call.import()).map_err(|error| told(g, error))?;
    let holder = Holder::Lease(accepted.lease().clone());
    Ok(g.push(accepted, holder)?)
}

pub(crate) fn accepted_terms(g: &mut Guarded<'_>, _: Call, this: Resource<Accepted>) -> Result<Told, Fail> {
    let terms = g.state.table.get(&this)?.terms();
    let left = terms.deadline().saturating_duration_since(Instant::now()).as_millis();
    Ok(Told {
        actions: terms.actions().iter().map(|action| action.name().to_owned()).collect(),
        kind: terms.resource().kind().to_owned(),
        id: terms.resource().id().to_owned(),
        lifetime_ms: u64::try_from(left).unwrap_or(u64::MAX),
        depth: terms.depth(),
    })
}

pub(crate) fn accepted_delegate(
    g: &mut Guarded<'_>,
    call: Call,
    this: Resource<Accepted>,
    to: String,
    lent: Told,
) -> Result<u64, RuntimeFail> {
    let permit = permit(g, &call, &to)?;
    let terms = terms(lent)?;
    let accepted = g.state.table.get(&this)?;
    accepted.lend_on(permit, terms, call.import()).map_err(|error| told(g, error))
}

pub(crate) fn accepted_drop(g: &mut Guarded<'_>, this: Resource<Accepted>) -> wasmtime::Result<()> {
    drop(g.state.table.delete(this)?);
    Ok(())
}
