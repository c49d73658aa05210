//! One call from one component into another.

use crate::host::linked::callee::{Callee, LinkedCall, NotDone, Target};
use crate::host::linked::held::held;
use crate::host::linked::types::same;
use crate::kernel::{CallFault, Function, Limits, Row, Track, Unanswered};
use airssys_osl::action::ComponentCall;
use airssys_osl::{FunctionName, Session, calls};
use std::sync::{Arc, Mutex, PoisonError};
use wasmtime::component::Val;

/// How often a call looks for who serves it now, when another has taken the place of whom it was decided on.
const MAX_CHANGES: usize = 16;

/// A function that another component serves.
pub(in crate::host::linked) struct Linked {
    pub(in crate::host::linked) row: &'static Row,
    pub(in crate::host::linked) wanted: Function,
    pub(in crate::host::linked) to: Arc<dyn Callee>,
    known: Mutex<Option<Arc<Known>>>,
}

/// What was found, and found to fit, in one live instance of who serves it.
struct Known {
    instance: u64,
    function: Function,
    name: FunctionName,
}

impl Linked {
    pub(in crate::host::linked) fn new(row: &'static Row, wanted: Function, to: Arc<dyn Callee>) -> Linked {
        Linked { row, wanted, to, known: Mutex::default() }
    }

    /// Decides, records, and has the other do it, within the limits of both.
    pub(in crate::host::linked) async fn call(
        &self,
        session: &Arc<Session>,
        limits: &Limits,
        given: &[Val],
    ) -> wasmtime::Result<Vec<Val>> {
        let mut came_back = None;
        for _ in 0..MAX_CHANGES {
            let target = self.to.now().ok_or_else(|| self.fault(Unanswered::Ended))?;
            let known = self.known(&target)?;
            let permit = session.authorize::<ComponentCall>(known.name.clone(), self.row.id)?;
            let chain = session.subject().chain_of_callee();
            if chain.names(target.peer.name()) {
                // It would wait for itself.
                return Err(self.fault(Unanswered::Circular).into());
            }
            let arguments = came_back.take().unwrap_or_else(|| given.to_vec());
            self.takes(&target, &arguments)?;
            let work = |name: &FunctionName| {
                let (to, function) = (name.peer().clone(), known.function.clone());
                self.to.call(LinkedCall { to, function, arguments, chain })
            };
            match calls::call(permit, self.row.id, work).await? {
                Ok(values) if held(&values) <= limits.host_call_bytes.get() => return Ok(values),
                Ok(_) => return Err(wasmtime::Error::new(limits.out_of_bytes())),
                Err(NotDone::Replaced(arguments)) => came_back = Some(arguments),
                Err(NotDone::Ended) => return Err(self.fault(Unanswered::Ended).into()),
                Err(NotDone::Failed) => return Err(self.fault(Unanswered::Failed).into()),
            }
        }
        Err(self.fault(Unanswered::Replaced).into())
    }

    /// The function in who serves it now; its types are compared once for each instance.
    fn known(&self, target: &Target) -> Result<Arc<Known>, CallFault> {
        let instance = target.peer.instance();
        let mut kept = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.as_ref().filter(|known| Some(known.instance) == instance) {
            return Ok(Arc::clone(known));
        }
        let misfit = |reason: String| self.fault(Unanswered::Misfit { reason });
        let function = find(&self.wanted, target).map_err(misfit)?.clone();
        let name = named(target, &function).map_err(misfit)?;
        let known = Arc::new(Known { instance: instance.unwrap_or_default(), function, name });
        if instance.is_some() {
            *kept = Some(Arc::clone(&known));
        }
        Ok(known)
    }

    /// Checks that the arguments are no more than the other takes.
    fn takes(&self, target: &Target, arguments: &[Val]) -> Result<(), CallFault> {
        let limit = target.limits.host_call_bytes.get();
        if held(arguments) <= limit { Ok(()) } else { Err(self.fault(Unanswered::TooMuch { limit })) }
    }

    fn fault(&self, why: Unanswered) -> CallFault {
        let interface = self.row.interface;
        CallFault { function: format!("{}#{interface}.{}", self.to.name(), self.wanted.name), why }
    }
}

/// The function of `target` that is the one that is wanted.
pub(in crate::host::linked) fn find<'a>(
    wanted: &Function,
    target: &'a Target,
) -> Result<&'a Function, String> {
    let track = |function: &Function| function.interface.as_deref().and_then(Track::of);
    let on = track(wanted);
    let is_it = |one: &&Function| one.name == wanted.name && on.is_some() && track(one) == on;
    let Some(found) = target.functions.iter().find(is_it) else {
        let exports_interface = target.functions.iter().any(|one| on.is_some() && track(one) == on);
        let what = if exports_interface { "function" } else { "interface" };
        return Err(format!("it exports no such {what}"));
    };
    same(&wanted.ty, &found.ty).map_err(|misfit| misfit.to_string())?;
    Ok(found)
}

/// The function as policies name it.
pub(in crate::host::linked) fn named(target: &Target, function: &Function) -> Result<FunctionName, String> {
    let name = FunctionName::new(target.peer.clone(), function.interface.as_deref(), &function.name);
    name.ok_or_else(|| "its name is longer than any that policies can speak of".to_owned())
}
