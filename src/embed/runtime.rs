//! The runtime: one engine, one gate, one set of policies for all its components.

mod swapping;

use crate::audit::{self, Log, Refused};
use crate::embed::hardening::Held;
use crate::embed::named::Routes;
use crate::embed::recorder::TellingRecorder;
use crate::embed::revocation::Live;
use crate::embed::state::State;
use crate::embed::{Component, ComponentSource, Config, Error, Inspection};
use crate::host::linked::{Links, Target};
use crate::identity::{self, IdentityError, Standing, Trust, VerifiedComponent, limit_keys};
use crate::kernel::{
    CODE_CACHE_BYTES, CodeCache, Compiled, Engine, Grants, Imports, Limits, LinkError, Mail, Origin,
};
use crate::policy::{CedarAuthorizer, Policies, Source, Words};
use crate::{host, policy};
use airssys_osl::Peer;
use airssys_osl::environment::{Arguments, Environment};
use airssys_osl::fs::Mounts;
use airssys_osl::post::Office;
use airssys_osl::{Gate, Principal, Session, Subject};
use airssys_rt::{ActorSystem, SupervisorRef};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockWriteGuard};

/// Loads components and keeps what they share. Clones are the same runtime.
#[derive(Clone)]
pub struct ComponentRuntime {
    pub(crate) shared: Arc<Shared>,
}

/// What all components of a runtime share.
pub(crate) struct Shared {
    engine: Engine,
    imports: Imports,
    words: Words,
    gate: Arc<Gate>,
    authorizer: Arc<CedarAuthorizer>,
    log: Arc<Log>,
    trust: RwLock<Trust>,
    /// Keys that were revoked here, whatever a trust file says.
    revoked: Mutex<BTreeSet<String>>,
    limits: Limits,
    own_limits: BTreeMap<String, identity::Limits>,
    operators: BTreeMap<u32, Vec<String>>,
    grants: Grants,
    instances: AtomicU64,
    live: Live,
    swapping: Mutex<()>,
    society: Society,
    state: Option<State>,
    held: Option<Held>,
}

/// Who lives with whom.
#[derive(Default)]
struct Society {
    actors: ActorSystem,
    office: Office,
    routes: Routes,
    root: OnceLock<SupervisorRef>,
}

impl ComponentRuntime {
    /// Checks the configuration and makes everything ready.
    ///
    /// # Errors
    /// [`Error::Policy`], [`Error::Mount`], [`Error::Config`] or [`Error::Engine`]; nothing is half made.
    pub fn new(config: Config) -> Result<ComponentRuntime, Error> {
        let words = words(&config)?;
        let policies = Policies::load_over(&words, &config.policies, &config.entities)?;
        let grants = grants(&config)?;
        config.check_limits()?;
        let engine = engine(&config)?;
        let imports = imports(&engine, &config, &words)?;
        let authorizer = Arc::new(CedarAuthorizer::new(policies));
        let watched = config.watched.unwrap_or_default();
        let log = config.audit.unwrap_or_else(|| Arc::new(Log::tracing_only()));
        let recorder = Arc::new(TellingRecorder {
            log: Arc::clone(&log),
            on_denied: config.on_denied,
            on_exceeded: config.on_exceeded,
        });
        let gate = Gate::new(watched.authorizer(Arc::clone(&authorizer) as _), watched.recorder(recorder));
        let (state, trust) = kept(config.state.as_deref(), config.trust)?;
        let shared = Shared {
            engine,
            imports,
            words,
            gate,
            authorizer,
            log,
            trust: RwLock::new(trust),
            revoked: Mutex::default(),
            limits: config.limits,
            own_limits: config.own_limits,
            operators: config.operators,
            grants,
            instances: AtomicU64::new(1),
            live: Live::default(),
            swapping: Mutex::default(),
            society: Society::default(),
            state,
            held: config.held,
        };
        Ok(ComponentRuntime { shared: Arc::new(shared) })
    }

    /// Verifies, compiles, checks the imports and makes an instance.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Identity`], [`Error::Import`] or [`Error::Engine`] before any of its code runs;
    /// [`Error::Trap`], [`Error::Denied`] or [`Error::LimitExceeded`] from its start.
    pub async fn load_component(&self, source: impl Into<ComponentSource>) -> Result<Component, Error> {
        self.linked(source).load().await
    }

    /// Verifies and compiles a component and tells what it is, without running any of its code.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Identity`] or [`Error::Engine`].
    pub async fn inspect_component(&self, source: impl Into<ComponentSource>) -> Result<Inspection, Error> {
        self.linked(source).inspect().await
    }

    /// The policies in force.
    pub fn policies(&self) -> Policies {
        self.shared.authorizer.snapshot().policies().clone()
    }

    /// The epoch of the policies in force: it grows with each change.
    pub fn epoch(&self) -> u64 {
        self.shared.authorizer.snapshot().epoch()
    }

    /// The audit log.
    pub fn audit(&self) -> &Arc<Log> {
        &self.shared.log
    }

    pub(crate) async fn prepare(
        &self,
        source: ComponentSource,
    ) -> Result<(VerifiedComponent, Compiled), Error> {
        let shared = Arc::clone(&self.shared);
        let work = move || {
            let bytes = source.read()?;
            let verified = shared.verify(bytes)?;
            // A limit that cannot be kept is found before anything is compiled.
            let limits = shared.limits_for(&verified)?;
            let compiled = Compiled::new(&shared.engine, &verified, &limits)?;
            if let Origin::CompiledAnew(why) = compiled.origin() {
                shared.log.compiled_anew(verified.principal(), verified.file_digest(), why)?;
            }
            Ok::<_, Error>((verified, compiled))
        };
        // Verifying and compiling take from milliseconds to seconds of processor time.
        tokio::task::spawn_blocking(work).await.map_err(|error| Error::Executor(error.to_string()))?
    }
}

fn engine(config: &Config) -> Result<Engine, Error> {
    let engine = Engine::new(config.limits.stack_kib, config.background_threads)?;
    let engine = engine.with_compiler(config.compiler.clone());
    Ok(match &config.code_cache {
        Some(directory) => engine.with_cache(CodeCache::open(directory, CODE_CACHE_BYTES)?),
        None => engine,
    })
}

impl Shared {
    /// The time of day, never before the latest that was ever seen.
    pub(in crate::embed) fn now(&self) -> Result<jiff::Timestamp, Error> {
        self.state.as_ref().map_or_else(|| Ok(jiff::Timestamp::now()), State::now)
    }

    /// The gate at which everything is decided.
    pub(in crate::embed) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// The number of the next instance.
    pub(in crate::embed) fn next_instance(&self) -> u64 {
        self.instances.fetch_add(1, Ordering::Relaxed)
    }

    /// What outlives a restart, if anything does.
    pub(in crate::embed) fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// Refuses a release that is older than one that ran under its name, also before a restart.
    fn refuse_older(&self, verified: &VerifiedComponent) -> Result<(), Error> {
        let Some(Err(reason)) = self.state.as_ref().map(|state| state.check(verified)) else { return Ok(()) };
        self.log.refused(&Refused {
            claimed: Some(&verified.principal().name),
            file_digest: Some(verified.file_digest()),
            import: None,
            reason: &reason,
        })?;
        Err(Error::Reload(reason))
    }

    /// Puts down that a release runs, and not before it does: what fails to start or to take its place must not make the one
    /// before older than allowed. Refuses one that has become older meanwhile.
    pub(in crate::embed) fn runs(&self, verified: &VerifiedComponent) -> Result<(), Error> {
        let Some(state) = &self.state else { return Ok(()) };
        state.runs(verified)?;
        self.refuse_older(verified)
    }

    /// Records that an import cannot be had.
    pub(crate) fn refuse_import(&self, verified: &VerifiedComponent, error: LinkError) -> Error {
        let import = match &error {
            LinkError::NotOffered { import } | LinkError::Unlinkable { import, .. } => Some(import.as_str()),
            _ => None,
        };
        let refused = Refused {
            claimed: Some(&verified.principal().name),
            file_digest: Some(verified.file_digest()),
            import,
            reason: &error.to_string(),
        };
        match self.log.refused(&refused) {
            Ok(()) => error.into(),
            Err(unwritten) => unwritten.into(),
        }
    }

    /// What is known of a component, under the policies in force.
    pub(crate) fn inspection(
        &self,
        verified: &VerifiedComponent,
        compiled: &Compiled,
        links: &Links,
    ) -> Result<Inspection, Error> {
        let limits = (self.limits, self.limits_for(verified)?);
        let policies = self.authorizer.snapshot().policies().clone();
        Inspection::of(verified, compiled, (&self.imports, links), &policies, limits).map_err(Error::Config)
    }

    /// What is on offer to every component.
    pub(crate) fn imports(&self) -> &Imports {
        &self.imports
    }

    fn verify(&self, bytes: Vec<u8>) -> Result<VerifiedComponent, Error> {
        let claims = identity::claims(&bytes).ok();
        let claimed = claims.as_ref().map(|claims| claims.manifest.principal_name());
        let verified = {
            let trust = self.trust.read().unwrap_or_else(PoisonError::into_inner);
            identity::verify(bytes, &trust, self.now()?)
        };
        verified.map_err(|error| {
            let refused = Refused {
                claimed: claimed.as_deref(),
                file_digest: None,
                import: None,
                reason: &error.to_string(),
            };
            match self.log.refused(&refused) {
                Ok(()) => error.into(),
                Err(unwritten) => unwritten.into(),
            }
        })
    }

    /// Opens a session for a new instance and records what it was loaded with.
    pub(crate) fn open(
        &self,
        verified: &VerifiedComponent,
        principal: &Arc<Principal>,
        limits: Limits,
    ) -> Result<Arc<Session>, Error> {
        let number = self.next_instance();
        let subject = Subject::new(Arc::clone(principal), number).signed_by(verified.key_id());
        let session = self.gate.session_within(subject, limits.allowance());
        let snapshot = self.authorizer.snapshot();
        let standing = Arc::new(Standing::of(verified));
        self.live.add(&standing, &session);
        self.refuse_distrusted(verified, &standing)?;
        self.refuse_older(verified)?;
        let load = audit::Load {
            key_id: verified.key_id(),
            file_digest: verified.file_digest(),
            policy_set: &policy_set(snapshot.policies()),
            epoch: snapshot.epoch(),
            limits: recorded(limits),
        };
        self.log.load(session.subject(), &load)?;
        Ok(session)
    }

    /// Refuses what is no longer trusted as it was when it was verified. Asked after the session is among the live ones:
    /// whoever takes the trust back either is seen here or sees the session.
    fn refuse_distrusted(&self, verified: &VerifiedComponent, standing: &Standing) -> Result<(), Error> {
        // By the clock as it is: set back, it lets fewer keys count.
        let now = jiff::Timestamp::now();
        let (holds, revoked) = {
            let trust = self.trust.read().unwrap_or_else(PoisonError::into_inner);
            (standing.holds(&trust, now), trust.is_key_revoked(verified.key_id()))
        };
        if holds {
            return Ok(());
        }
        let principal = verified.principal();
        let (component, publisher, key_id) =
            (principal.name.clone(), principal.publisher.clone(), verified.key_id().to_owned());
        let error = match revoked {
            true => IdentityError::RevokedKey { component, publisher, key_id },
            false => IdentityError::Distrusted { component, publisher, key_id },
        };
        self.log.refused(&Refused {
            claimed: Some(&principal.name),
            file_digest: Some(verified.file_digest()),
            import: None,
            reason: &error.to_string(),
        })?;
        Err(error.into())
    }

    /// Whether the trust file still vouches by that key for a component of that identity.
    pub(in crate::embed) fn vouches(&self, principal: &Principal, key_id: &str) -> bool {
        let trust = self.trust.read().unwrap_or_else(PoisonError::into_inner);
        trust.vouches(principal, key_id, jiff::Timestamp::now())
    }

    /// Keys that were revoked here.
    pub(in crate::embed) fn revoked(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.revoked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Trust, to be changed.
    pub(crate) fn trust(&self) -> RwLockWriteGuard<'_, Trust> {
        self.trust.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn live(&self) -> &Live {
        &self.live
    }

    /// The system in which the instances' actors live.
    pub(crate) fn actors(&self) -> &ActorSystem {
        &self.society.actors
    }

    /// Everybody's mailboxes.
    pub(in crate::embed) fn office(&self) -> &Office {
        &self.society.office
    }

    /// Everybody's names.
    pub(in crate::embed) fn routes(&self) -> &Routes {
        &self.society.routes
    }

    /// The supervisor of all.
    pub(in crate::embed) fn root(&self) -> Option<&SupervisorRef> {
        self.society.root.get()
    }

    /// Makes a supervisor that of all.
    pub(in crate::embed) fn rooted(&self, root: SupervisorRef) -> Result<(), Error> {
        let second = |_| Error::Config("this runtime has a tree already".to_owned());
        self.society.root.set(root).map_err(second)
    }

    /// What a component is to those who are linked with it, before it lives.
    pub(in crate::embed) fn ahead(
        &self,
        verified: &VerifiedComponent,
        compiled: &Compiled,
    ) -> Result<Target, Error> {
        let (limits, functions) = (self.limits_for(verified)?, compiled.exports());
        let peer = Peer::named(&verified.principal().name).ok_or(Error::Ended)?;
        Ok(Target { peer, functions, limits })
    }

    pub(crate) fn grants(&self) -> Grants {
        self.grants.clone()
    }

    pub(crate) fn log(&self) -> &Log {
        &self.log
    }

    /// The groups of the operator with that user id.
    pub(crate) fn groups_of(&self, uid: u32) -> Vec<String> {
        self.operators.get(&uid).cloned().unwrap_or_default()
    }

    /// What is in force for a component. One that declares a limit which cannot be kept is refused.
    pub(crate) fn limits_for(&self, verified: &VerifiedComponent) -> Result<Limits, Error> {
        let own = self.own_limits.get(&verified.principal().name);
        let granted = own.map_or(self.limits, |own| self.limits.replaced_by(own));
        granted.capped_by_request(&verified.manifest().limits).map_err(|error| {
            let refused = Refused {
                claimed: Some(&verified.principal().name),
                file_digest: Some(verified.file_digest()),
                import: None,
                reason: &error.to_string(),
            };
            match self.log.refused(&refused) {
                Ok(()) => error.into(),
                Err(unwritten) => unwritten.into(),
            }
        })
    }
}

/// What outlives a restart, and the trust that is left by it.
fn kept(directory: Option<&Path>, mut trust: Trust) -> Result<(Option<State>, Trust), Error> {
    let state = directory.map(State::open).transpose()?;
    if let Some(state) = &state {
        state.revoke_again(&mut trust);
    }
    Ok((state, trust))
}

/// What policies may speak of; a schema that several interfaces bring counts once.
pub(in crate::embed) fn words(config: &Config) -> Result<Words, Error> {
    let mut schemas: Vec<Source> = Vec::new();
    for schema in config.interfaces.iter().flat_map(|offer| offer.schemas()) {
        if !schemas.iter().any(|known| known.text == schema.text) {
            schemas.push(schema.clone());
        }
    }
    Ok(Words::with(&schemas)?)
}

/// Refuses to take anything back from within a function of the embedder's: that would wait for the function itself.
///
/// # Errors
/// [`Error::Config`] there.
pub(crate) fn outside_effects() -> Result<(), Error> {
    if airssys_osl::own::is_under_way() {
        let text = "policies and permissions cannot be changed from within a function of a host interface: do it from another task";
        return Err(Error::Config(text.to_owned()));
    }
    Ok(())
}

/// What is on offer to every component.
fn imports(engine: &Engine, config: &Config, words: &Words) -> Result<Imports, Error> {
    let mut imports = Imports::none(engine);
    host::wasi::offer(&mut imports)?;
    for offer in &config.interfaces {
        offer.offer(&mut imports, words).map_err(Error::Config)?;
    }
    Ok(imports)
}

fn policy_set(policies: &Policies) -> audit::PolicySet {
    let policy::Digests { policies, entities, schema } = policies.digests().clone();
    audit::PolicySet { policies, entities, schema }
}

macro_rules! recorded {
    ($($(#[$doc:meta])* $key:ident = $default:literal, $unit:literal;)*) => {
        fn recorded(limits: Limits) -> audit::Limits {
            audit::Limits { $($key: Some(limits.$key.get()),)* }
        }
    };
}
limit_keys!(recorded);

fn grants(config: &Config) -> Result<Grants, Error> {
    let mounts = Mounts::open_ambient(config.mounts.clone(), &config.protected)?;
    let environment = Environment::new(config.environment.clone())?;
    if let Some(bad) = config.arguments.iter().find(|argument| argument.contains('\0')) {
        return Err(Error::Config(format!("argument `{}` holds a NUL: remove it", bad.escape_debug())));
    }
    Ok(Grants {
        mounts: Arc::new(mounts),
        environment: Arc::new(environment),
        arguments: Arc::new(Arguments::new(config.arguments.clone())),
        stdin: config.stdin.clone(),
        stdout: config.stdout.clone(),
        stderr: config.stderr.clone(),
        mail: Mail::default(),
    })
}

impl std::fmt::Debug for ComponentRuntime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ComponentRuntime")
            .field("epoch", &self.shared.authorizer.snapshot().epoch())
            .finish_non_exhaustive()
    }
}
