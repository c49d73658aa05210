//! Questions about names rather than verdicts: which mounts a guest sees, which directories may move.

use super::index::{candidates_on_path, strictly_beneath};
use super::load::{Loaded, Policies};
use super::rule::Effect;
use super::subject::{Ready, ready_component};
use super::vocabulary::on_paths;
use airssys_osl::{ActionId, GuestPath, Principal};

impl Policies {
    /// True when a mount is listed to a principal.
    ///
    /// By scopes alone, for some one action on files: a permit is the mount, contains it, lies beneath it or has no
    /// resource in its scope, and no forbid without conditions covers the mount. Conditions are not asked, so a mount
    /// may be listed whose every use is then denied.
    pub fn mount_visible(&self, principal: &Principal, mount: &GuestPath) -> bool {
        ready_component(principal, &self.0).is_ok_and(|ready| self.0.shows(&ready, mount))
    }

    /// True when a scope, a condition or an entity file names a path strictly beneath `path`.
    pub fn names_beneath(&self, path: &GuestPath) -> bool {
        strictly_beneath(&self.0.paths, path.as_str()).next().is_some()
    }
}

impl Loaded {
    pub(crate) fn shows(&self, ready: &Ready, mount: &GuestPath) -> bool {
        on_paths().any(|action| self.shows_for(ready, action, mount.as_str()))
    }

    fn shows_for(&self, ready: &Ready, action: ActionId, mount: &str) -> bool {
        let tables = ready.tables(action);
        let covering = candidates_on_path(tables, mount, &self.known);
        let forbids = |number: &u32| self.is(*number, Effect::Forbid, true);
        let permits = |number: &u32| self.is(*number, Effect::Permit, false);
        if covering.iter().any(forbids) {
            return false;
        }
        // A path beneath the mount may be permitted through a set that an entity file puts it in.
        let mut listed = strictly_beneath(&self.paths, mount);
        covering.iter().any(permits)
            || tables.iter().any(|table| table.beneath(mount).any(|number| permits(&number)))
            || (!self.known.is_plain()
                && listed.any(|path| candidates_on_path(tables, path, &self.known).iter().any(permits)))
    }

    fn is(&self, number: u32, effect: Effect, unconditional: bool) -> bool {
        self.rules
            .get(number as usize)
            .is_some_and(|rule| rule.effect == effect && !(unconditional && rule.condition.is_some()))
    }
}
