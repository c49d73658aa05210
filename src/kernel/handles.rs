//! Which handles a value holds.
//!
//! A wrapper can only take and return types that implement [`Handles`]: a new WIT type without an implementation
//! is a compile error, so that no handle crosses the boundary unseen.

use wasmtime::component::Resource;

/// A value that crosses the boundary.
pub(crate) trait Handles {
    /// Calls `see` with the number of each handle inside.
    fn each(&self, see: &mut dyn FnMut(u32));
}

impl<T: 'static> Handles for Resource<T> {
    fn each(&self, see: &mut dyn FnMut(u32)) {
        see(self.rep());
    }
}

impl<T: Handles> Handles for Option<T> {
    fn each(&self, see: &mut dyn FnMut(u32)) {
        self.iter().for_each(|value| value.each(see));
    }
}

impl<T: 'static> Handles for Vec<Resource<T>> {
    fn each(&self, see: &mut dyn FnMut(u32)) {
        self.iter().for_each(|value| value.each(see));
    }
}

impl<A: 'static, B: 'static> Handles for (Resource<A>, Resource<B>) {
    fn each(&self, see: &mut dyn FnMut(u32)) {
        see(self.0.rep());
        see(self.1.rep());
    }
}

impl<A: 'static, B: 'static, C: 'static> Handles for (Resource<A>, Resource<B>, Resource<C>) {
    fn each(&self, see: &mut dyn FnMut(u32)) {
        see(self.0.rep());
        see(self.1.rep());
        see(self.2.rep());
    }
}

impl<T: 'static> Handles for Vec<(Resource<T>, String)> {
    fn each(&self, see: &mut dyn FnMut(u32)) {
        self.iter().for_each(|(value, _)| value.each(see));
    }
}

/// Types without handles.
macro_rules! no_handles {
    ($($type:ty),* $(,)?) => { $(impl $crate::kernel::Handles for $type {
        fn each(&self, _: &mut dyn FnMut(u32)) {}
    })* };
}
pub(crate) use no_handles;

no_handles!(
    (),
    bool,
    u8,
    u32,
    u64,
    (u64, u64),
    String,
    Vec<u8>,
    Vec<u32>,
    Vec<String>,
    Vec<(String, String)>,
    (Vec<u8>, bool)
);
