//! What is asked: the closed list of actions, their marker types, and one more for the embedder's own.

use crate::own::{Own, OwnAction, OwnTarget};
use crate::resource::{
    Clock, Endpoint, EnvName, FunctionName, GuestPath, Host, Named, Peer, ProcessSelf, Random, Resource,
    RuntimeSelf, Stdio, Topic,
};

mod sealed {
    pub trait Sealed {}
}

/// An action as a type: the parameter of a [`Permit`](crate::Permit).
///
/// Sealed: the actions of this crate are all there are, so no other crate can invent one whose permit it may spend. Those
/// of an embedder share the one marker [`Own`], whose permits say which of them they are for.
pub trait Action: sealed::Sealed {
    /// What the action is taken on.
    type Resource: Into<Resource> + Clone + std::fmt::Debug + PartialEq;
    /// The action as a value, when it is taken on that resource.
    fn id(resource: &Self::Resource) -> ActionId;
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident on $resource:ty = $text:literal;)*) => {
        /// An action as a value, for logs and for the authorizer.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ActionId {
            $($(#[$doc])* $name,)*
            /// An action of an interface that the embedder offers.
            Own(OwnAction),
        }

        impl ActionId {
            /// Every action of this kernel, in the order of declaration; the embedder's own are not among them.
            pub const ALL: &'static [ActionId] = &[$(ActionId::$name),*];
            /// How many there are of these.
            pub const COUNT: usize = Self::ALL.len();

            /// The name in policies, such as `fs:read`; with its namespace before it where it has one: `Acme::contact:read`.
            pub fn name(self) -> &'static str {
                match self {
                    $(ActionId::$name => $text,)*
                    ActionId::Own(action) => action.name(),
                }
            }

            /// The entity type of what it is taken on, such as `Path`; empty for an embedder's own, whose schema says it.
            pub fn kind(self) -> &'static str {
                match self {
                    $(ActionId::$name => <$resource as Named>::KIND,)*
                    ActionId::Own(_) => "",
                }
            }

            /// Its place among [`ActionId::ALL`]; none for an embedder's own.
            pub const fn place(self) -> Option<usize> {
                enum Place { $($name),* }
                match self {
                    $(ActionId::$name => Some(Place::$name as usize),)*
                    ActionId::Own(_) => None,
                }
            }

            /// The action of that name; one of an embedder's once it was declared.
            pub fn parse(name: &str) -> Option<ActionId> {
                let built_in = Self::ALL.iter().copied().find(|a| a.name() == name);
                built_in.or_else(|| OwnAction::known(name).map(ActionId::Own))
            }
        }

        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $name {}
            impl sealed::Sealed for $name {}
            impl Action for $name {
                type Resource = $resource;
                fn id(_: &$resource) -> ActionId {
                    ActionId::$name
                }
            }
        )*
    };
}

actions! {
    /// See that a path exists, and its metadata.
    FsStat on GuestPath = "fs:stat";
    /// List a directory.
    FsList on GuestPath = "fs:list";
    /// Read a file.
    FsRead on GuestPath = "fs:read";
    /// Write or truncate a file.
    FsWrite on GuestPath = "fs:write";
    /// Create a file or directory.
    FsCreate on GuestPath = "fs:create";
    /// Delete a file or directory.
    FsDelete on GuestPath = "fs:delete";
    /// Set access and modification times.
    FsTimes on GuestPath = "fs:times";
    /// Create a symbolic link.
    FsSymlink on GuestPath = "fs:symlink";
    /// Read one environment variable.
    EnvRead on EnvName = "env:read";
    /// Read standard input.
    StdioRead on Stdio = "stdio:read";
    /// Write standard output or error.
    StdioWrite on Stdio = "stdio:write";
    /// Read a clock.
    ClockRead on Clock = "clock:read";
    /// Wait for a clock.
    ClockSleep on Clock = "clock:sleep";
    /// Draw random numbers.
    RandomRead on Random = "random:read";
    /// See the arguments the component was started with.
    ProcessArgs on ProcessSelf = "process:args";
    /// Look up the addresses of a name.
    NetResolve on Host = "net:resolve";
    /// Open a connection to an address.
    NetConnect on Endpoint = "net:connect";
    /// Take a local address, also when connecting takes one by itself.
    NetBind on Endpoint = "net:bind";
    /// Wait for connections at a local address.
    NetListen on Endpoint = "net:listen";
    /// Take up a connection that comes from an address.
    NetAccept on Endpoint = "net:accept";
    /// Send a datagram to an address.
    NetSend on Endpoint = "net:send";
    /// Take a datagram that comes from an address.
    NetReceive on Endpoint = "net:receive";
    /// Send a message to a component.
    MsgSend on Peer = "msg:send";
    /// Send a component a message and wait for its answer.
    MsgRequest on Peer = "msg:request";
    /// Take what a component has sent, or published.
    MsgReceive on Peer = "msg:receive";
    /// Publish an event.
    MsgPublish on Topic = "msg:publish";
    /// Hear of a topic's events.
    MsgSubscribe on Topic = "msg:subscribe";
    /// Call a function that a component exports.
    ComponentCall on FunctionName = "component:call";
    /// Lend a component authority of one's own.
    ComponentDelegate on Peer = "component:delegate";
    /// Start a component in a served system.
    ComponentLoad on Peer = "component:load";
    /// Put another version in a component's place.
    ComponentReload on Peer = "component:reload";
    /// Put a version in a component's place that imports more, or asks for higher limits.
    ComponentWiden on Peer = "component:widen";
    /// Stop a component.
    ComponentStop on Peer = "component:stop";
    /// See a component's state.
    ComponentStatus on Peer = "component:status";
    /// See the state of a served system.
    RuntimeStatus on RuntimeSelf = "runtime:status";
    /// Put other policies in force, or another trust file.
    RuntimePolicy on RuntimeSelf = "runtime:policy";
    /// Take back what a key signed.
    RuntimeRevoke on RuntimeSelf = "runtime:revoke";
    /// Read the log.
    RuntimeLogs on RuntimeSelf = "runtime:logs";
    /// Stop a served system.
    RuntimeStop on RuntimeSelf = "runtime:stop";
}

impl sealed::Sealed for Own {}
impl Action for Own {
    type Resource = OwnTarget;
    fn id(target: &OwnTarget) -> ActionId {
        ActionId::Own(target.action)
    }
}

impl std::fmt::Display for ActionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::ActionId;

    #[test]
    fn names_that_are_no_action_are_refused_and_every_name_leads_back() {
        assert_eq!(ActionId::parse("fs:reads"), None);
        for action in ActionId::ALL {
            assert_eq!(ActionId::parse(action.name()), Some(*action));
            assert_eq!(action.place().and_then(|place| ActionId::ALL.get(place)), Some(action));
        }
    }
}
