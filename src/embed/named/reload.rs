//! Another version in the place of one that runs.
//!
//! Calls that were begun end on the version they began on; those that come go to the new one. Each is answered once.
//! Until the very switch everything can fail, and then nothing has changed.

use crate::embed::live::Live;
use crate::embed::named::Route;
use crate::embed::named::seat::Adopt;
use crate::embed::version::{Place, Version};
use crate::embed::{Component, ComponentRuntime, ComponentSource, Error};
use crate::host::linked::Target;
use crate::kernel::{Function, Limits};
use airssys_osl::action::{ComponentReload, ComponentWiden};
use airssys_osl::replace::Succession;
use airssys_osl::{Denied, Peer, Permit, Principal, Session};
use airssys_rt::Address;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use wasmtime::component::Val;

/// What is asked, as the log names it.
pub(in crate::embed::named) const RELOAD: &str = "component:reload";

/// What came of a reload.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reloaded {
    /// The version and release before.
    pub from: ((u64, u64, u64), u64),
    /// The version and release now.
    pub to: ((u64, u64, u64), u64),
    /// The signed hash of what runs now.
    pub digest: String,
    /// Whether the one before has handed its state over.
    pub state_handed_over: bool,
    /// What the new one imports or may use beyond the one before, which the policies permit.
    pub widened: Vec<String>,
    /// The topics that the one before heard of and the new one does not: it may not subscribe to them.
    pub subscriptions_lost: Vec<String>,
}

/// Who asks for it: the version that comes, or somebody else.
pub(crate) type Asker<'a> = Option<&'a Arc<Session>>;

impl ComponentRuntime {
    /// Puts another version in the place of the component of that name. It must be the same component of the same
    /// publisher, and no older than any release that was ever there. Asked for is `component:reload` on the component, with
    /// the version that comes as principal; `component:widen` when it imports more, or has a higher limit; and
    /// `component:load`, as at each start. All are spent at the very switch.
    ///
    /// When both versions export `airssys:runtime/state`, the one before is asked for its state when it has done what it had
    /// begun, and the new one given that. It goes on hearing of the topics that it may subscribe to; each is asked about.
    ///
    /// # Errors
    /// As [`ComponentRuntime::load_component`]; [`Error::Unknown`], [`Error::Unavailable`], [`Error::Reload`]. The version
    /// before runs on.
    pub async fn reload(&self, name: &str, source: impl Into<ComponentSource>) -> Result<Reloaded, Error> {
        self.reload_asked(name, source.into(), None).await
    }

    pub(crate) async fn reload_asked(
        &self,
        name: &str,
        source: ComponentSource,
        by: Asker<'_>,
    ) -> Result<Reloaded, Error> {
        let route = self.shared.routes().find(name)?;
        let _turn = route.reloading.lock().await;
        self.change(&route, source, by).await?.made().await
    }

    /// Everything up to the moment when the one that runs is first touched.
    pub(in crate::embed::named) async fn change(
        &self,
        route: &Arc<Route>,
        source: ComponentSource,
        by: Asker<'_>,
    ) -> Result<Change, Error> {
        let (before, old) = (route.living()?, route.version.load_full().ok_or(Error::Ended)?);
        let (verified, compiled) = self.prepare(source).await?;
        let ahead = self.shared.ahead(&verified, &compiled)?;
        check(route, verified.principal())?;
        self.check_links(route, &ahead)?;
        let new = Arc::new(self.version(verified, &compiled, &route.links)?);
        let widened = widened(&old, &new, self)?;
        let session = new.open(&self.shared)?;
        let asker = by.unwrap_or(&session);
        let peer = before.live.target.peer.clone();
        let permits = permits(asker, peer, !widened.is_empty());
        let (reload, widen) = permits.map_err(|denied| refused(&session, denied, &widened))?;
        let permit = Succession { reload, widen, load: new.permitted(&session)? };
        let started = new.start_under(&self.shared, session, Place::Successor(route.terms)).await?;
        let component = Arc::new(Component::of(&self.shared, Arc::clone(&new), started));
        Ok(Change { route: Arc::clone(route), before, old, new, component, ahead, permit, widened })
    }

    /// Whoever is linked with it must find the same functions.
    fn check_links(&self, route: &Route, ahead: &Target) -> Result<(), Error> {
        for other in self.shared.routes().all() {
            if let Some(version) = other.version.load_full() {
                version.links().check(ahead).map_err(|error| {
                    Error::Reload(format!("`{}` is linked with `{}`: {error}", other.name, route.name))
                })?;
            }
        }
        Ok(())
    }
}

/// The same component, no older than what was there.
fn check(route: &Route, principal: &Principal) -> Result<(), Error> {
    if *principal.name != *route.name {
        let text = format!(
            "`{}` cannot take the place of `{}`: it is another component",
            principal.name, route.name
        );
        return Err(Error::Reload(text));
    }
    let highest = route.highest.load(Ordering::SeqCst);
    if principal.release < highest {
        let release = principal.release;
        let text =
            format!("release {release} of `{}` is older than release {highest}, which was here", route.name);
        return Err(Error::Reload(text));
    }
    Ok(())
}

/// What the new version imports, and which limits are higher, beyond the old one.
fn widened(old: &Version, new: &Version, runtime: &ComponentRuntime) -> Result<Vec<String>, Error> {
    let imports: Vec<String> =
        new.imports().difference(&old.imports()).map(|more| format!("imports `{more}`")).collect();
    let (were, are) = (old.limits(&runtime.shared)?, new.limits(&runtime.shared)?);
    Ok(imports.into_iter().chain(raised(were, are)).collect())
}

fn raised(were: Limits, are: Limits) -> Vec<String> {
    let pairs = were.each().zip(are.each());
    pairs
        .filter(|((_, was), (_, is))| is > was)
        .map(|((name, was), (_, is))| format!("raises `{name}` from {was} to {is}"))
        .collect()
}

fn permits(asker: &Arc<Session>, peer: Peer, wider: bool) -> Result<Permits, Denied> {
    let reload = asker.authorize::<ComponentReload>(peer.clone(), RELOAD)?;
    let widen = wider.then(|| asker.authorize::<ComponentWiden>(peer, RELOAD)).transpose()?;
    Ok((reload, widen))
}

type Permits = (Permit<ComponentReload>, Option<Permit<ComponentWiden>>);

/// A refusal, which ends the session of the version that was to come.
fn refused(session: &Session, denied: Denied, widened: &[String]) -> Error {
    // Nothing was done under it; the denial itself is in the log.
    drop(session.close());
    match widened {
        [] => Error::Denied(denied),
        more => Error::Reload(format!("{denied}; the new version {}", more.join(", "))),
    }
}

/// One change of version that is permitted, and has not begun.
pub(in crate::embed::named) struct Change {
    route: Arc<Route>,
    pub(in crate::embed::named) before: Arc<Component>,
    old: Arc<Version>,
    new: Arc<Version>,
    pub(in crate::embed::named) component: Arc<Component>,
    ahead: Target,
    permit: Succession,
    widened: Vec<String>,
}

impl Change {
    /// Hands the state over, if there is any, and switches. Given up, it is undone, or done all the same.
    pub(in crate::embed::named) async fn made(self) -> Result<Reloaded, Error> {
        let Change { route, before, old, new, component, ahead, permit, widened } = self;
        // Whoever has begun a call has it in the queue; whoever comes waits here.
        let closed = Arc::clone(&route.gate).write_owned().await;
        let paused = before.live.pause().await;
        let mut state_handed_over = false;
        if let (Some((save, _)), Some((_, restore))) = (old.state(), new.state()) {
            hand_over(&before.live, &save, &component.live, &restore).await?;
            state_handed_over = true;
        }
        let unavailable = || Error::Unavailable { name: route.name.to_string() };
        let actors = component.shared.actors().clone();
        let seat: Address<Adopt> = actors.address(&route.name).map_err(|_| unavailable())?;
        let (version, held) = (Arc::clone(&new), (closed, paused));
        let adopt = |reply| Adopt { before, version, ahead, component, permit, held, reply };
        // Without an answer the seat has ended before it came to this, and nothing has changed.
        let lost = seat.ask(adopt).await.map_err(|_| unavailable())??;
        let (was, is) = (old.principal(), new.principal());
        Ok(Reloaded {
            from: (was.version, was.release),
            to: (is.version, is.release),
            digest: is.digest.clone(),
            state_handed_over,
            widened,
            subscriptions_lost: lost.iter().map(|topic| topic.as_str().to_owned()).collect(),
        })
    }
}

/// Asks the one for its state when it has done what it had begun, and gives that to the other.
async fn hand_over(from: &Live, save: &Function, to: &Live, restore: &Function) -> Result<(), Error> {
    let refused =
        |what: &str, why: String| Error::Reload(format!("the state was not handed over: {what}: {why}"));
    // Kept: whoever gives the reload up does not end the one that runs.
    let saved = async { from.begin(save, Vec::new(), Arc::default(), None).await?.kept().await }.await;
    let state = match saved.map_err(|error| refused("the version before", error.to_string()))? {
        Some(Val::Result(Ok(Some(state)))) => *state,
        other => return Err(refused("the version before", said(other))),
    };
    let restored = to.invoke(restore, vec![state], Arc::default()).await;
    match restored.map_err(|error| refused("the new version", error.to_string()))? {
        Some(Val::Result(Ok(_))) => Ok(()),
        other => Err(refused("the new version", said(other))),
    }
}

/// What a component answered in place of its state.
fn said(answer: Option<Val>) -> String {
    match answer {
        Some(Val::Result(Err(Some(error)))) => match *error {
            Val::String(text) => text,
            other => format!("{other:?}"),
        },
        _ => "it refused".to_owned(),
    }
}
