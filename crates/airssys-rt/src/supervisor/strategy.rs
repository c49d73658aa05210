//! Whom a fault concerns, and who is started anew.

/// Which children a child's fault concerns.
///
/// ```
/// use airssys_rt::Strategy;
///
/// assert_eq!(Strategy::default(), Strategy::OneForOne);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Strategy {
    /// That child alone.
    #[default]
    OneForOne,
    /// All children: they are stopped in reverse, and started in order.
    OneForAll,
    /// That child and those that stand after it.
    RestForOne,
}

/// When a child that has ended is started anew.
///
/// ```
/// use airssys_rt::Restart;
///
/// assert_eq!(Restart::default(), Restart::Permanent);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Restart {
    /// Always.
    #[default]
    Permanent,
    /// When it ended with another reason than `Normal` or `Shutdown`.
    Transient,
    /// Never; it is forgotten when it has ended.
    Temporary,
}
