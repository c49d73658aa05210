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
            if chain.waits_for(target.peer.name()) {
                // It would wait for itself.
                return Err(self.fault(Unanswered::Circular).into());
            }
            let arguments = came_back.take().unwrap_or_else(|| given.to_vec());
            self.takes(&target, &arguments)?;
            let work = |name: &FunctionName, under| {
                let (to, function) = (name.peer().clone(), known.function.clone());
                self.to.call(LinkedCall { to, function, arguments, chain, under })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::linked::callee::Answer;
    use crate::kernel::{Class, Denial, Engine, functions};
    use airssys_osl::{
        ActionId, Ask, Authorizer, Decision, Entry, Gate, GuestPath, Peer, Principal, Reasons, RecordError,
        Recorder, Subject, Verdict,
    };
    use std::num::NonZeroU64;
    use std::sync::atomic::{AtomicU64, Ordering};

    const ROW: Row = Row {
        index: usize::MAX,
        id: "acme:t/it#f",
        interface: "acme:t/it",
        function: "f",
        class: Class::Decide,
        asks: &[ActionId::ComponentCall],
        on: "Function",
        denial: Denial::Trap,
    };

    /// Allows everything, and keeps who was asked about.
    #[derive(Default)]
    struct Asked(Mutex<Vec<Option<u64>>>, Arc<AtomicU64>);

    impl Authorizer for Asked {
        fn decide(&self, ask: &Ask<'_>) -> Decision {
            let airssys_osl::Resource::Function(function) = ask.resource else { panic!("{ask:?}") };
            self.0.lock().unwrap().push(function.peer().instance());
            let epoch = self.1.load(Ordering::SeqCst);
            Decision { verdict: Verdict::Allow(Arc::new(Reasons::default())), epoch, reusable: true }
        }
        fn epoch(&self) -> &Arc<AtomicU64> {
            &self.1
        }
        fn names_beneath(&self, _: &GuestPath) -> bool {
            false
        }
        fn visible(&self, _: &Subject, _: &GuestPath) -> bool {
            false
        }
    }

    impl Recorder for Asked {
        fn decision(&self, _: &Entry<'_>) -> Result<(), RecordError> {
            Ok(())
        }
        fn note(&self, _: &Subject, _: &'static str, _: &str) -> Result<(), RecordError> {
            Ok(())
        }
        fn summary(&self, _: &Subject, _: &[(ActionId, u64)]) -> Result<(), RecordError> {
            Ok(())
        }
    }

    fn principal(name: &str) -> Arc<Principal> {
        Arc::new(Principal {
            name: name.to_owned(),
            publisher: "acme".to_owned(),
            digest: String::new(),
            version: (1, 0, 0),
            release: 1,
            dev: false,
            groups: Vec::new(),
        })
    }

    fn exports(ty: &str) -> Vec<Function> {
        let text = format!(
            "(component (core module $m (func (export \"f\") (param {ty}))) (core instance $i (instantiate $m))
            (func $f (param \"a\" {}) (canon lift (core func $i \"f\")))
            (instance $it (export \"f\" (func $f))) (export \"acme:t/it@1.0.0\" (instance $it)))",
            if ty == "i32" { "u32" } else { "u64" }
        );
        let engine = Engine::new(Limits::default().stack_kib, None).unwrap();
        let component =
            wasmtime::component::Component::new(engine.inner(), wat::parse_str(text).unwrap()).unwrap();
        functions(&component.component_type(), engine.inner())
    }

    fn target(instance: u64, ty: &str) -> Arc<Target> {
        let (peer, functions) = (Peer::live(&principal("acme/b"), instance), exports(ty));
        Arc::new(Target { peer, functions, limits: Limits::default().handles(NonZeroU64::MIN) })
    }

    /// Is replaced by the next of these whenever it is called, until the last.
    struct Reloaded(Mutex<Vec<Arc<Target>>>);

    impl Callee for Reloaded {
        fn name(&self) -> &str {
            "acme/b"
        }
        fn now(&self) -> Option<Arc<Target>> {
            self.0.lock().unwrap().first().cloned()
        }
        fn call(&self, call: LinkedCall) -> Answer<'_> {
            let mut left = self.0.lock().unwrap();
            assert_eq!(call.to, left[0].peer, "it is called as it was decided on");
            let done = match left.len() {
                1 => Ok(call.arguments),
                _ => Err(NotDone::Replaced(call.arguments)),
            };
            if left.len() > 1 {
                left.remove(0);
            }
            Box::pin(std::future::ready(done))
        }
    }

    fn call(targets: Vec<Arc<Target>>) -> (wasmtime::Result<Vec<Val>>, Vec<Option<u64>>) {
        let asked = Arc::new(Asked(Mutex::default(), Arc::new(AtomicU64::new(1))));
        let gate = Gate::new(Arc::clone(&asked) as _, Arc::clone(&asked) as _);
        let session = gate.session(Subject::new(principal("acme/a"), 1));
        let wanted = exports("i32").remove(0);
        let linked = Linked::new(&ROW, wanted, Arc::new(Reloaded(Mutex::new(targets))));
        let executor = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let done = executor.block_on(linked.call(&session, &Limits::default(), &[Val::U32(7)]));
        let asked = asked.0.lock().unwrap().clone();
        (done, asked)
    }

    fn why(done: wasmtime::Result<Vec<Val>>) -> Unanswered {
        done.unwrap_err().downcast_ref::<CallFault>().unwrap().why.clone()
    }

    #[test]
    fn a_callee_whose_types_have_changed_is_called_no_more() {
        let (done, asked) = call(vec![target(5, "i64")]);
        let reason = "parameter `a`: `u32` is imported, `u64` exported".to_owned();
        assert_eq!((why(done), asked), (Unanswered::Misfit { reason }, vec![]));
        let (done, asked) = call(vec![target(5, "i32"), target(6, "i64")]);
        assert!(matches!(why(done), Unanswered::Misfit { .. }));
        assert_eq!(asked, [Some(5)]);
    }

    #[test]
    fn whoever_takes_the_callees_place_is_decided_on_anew_and_called_once() {
        let (done, asked) = call(vec![target(5, "i32"), target(6, "i32"), target(9, "i32")]);
        assert_eq!(done.unwrap(), [Val::U32(7)]);
        assert_eq!(asked, [Some(5), Some(6), Some(9)]);
        let (done, asked) = call((0..40).map(|instance| target(instance, "i32")).collect());
        assert_eq!((why(done), asked.len()), (Unanswered::Replaced, MAX_CHANGES));
        assert_eq!(why(call(Vec::new()).0), Unanswered::Ended);
    }
}
