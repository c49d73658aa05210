//! A plain subscriber that keeps the spans of this process, for all tests of a binary.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, LazyLock, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::{Layer, Registry};

/// One span.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) id: u64,
    pub(crate) parent: Option<u64>,
    pub(crate) name: &'static str,
    pub(crate) fields: BTreeMap<String, String>,
}

/// The spans of some components.
pub(crate) struct Kept(Vec<String>);

/// In the order in which they began. A number is given to a new span once the old one has closed, so the place counts.
static ALL: LazyLock<Arc<Mutex<Vec<Seen>>>> = LazyLock::new(|| {
    let all = Arc::<Mutex<Vec<Seen>>>::default();
    tracing::subscriber::set_global_default(Registry::default().with(Keeper(Arc::clone(&all)))).unwrap();
    all
});

impl Kept {
    /// Those of these components, from now on.
    pub(crate) fn of(components: &[&str]) -> Kept {
        LazyLock::force(&ALL);
        Kept(components.iter().map(|name| (*name).to_owned()).collect())
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        let ours = |seen: &&Seen| self.0.contains(&seen.fields["component"]);
        ALL.lock().unwrap().iter().filter(ours).cloned().collect()
    }
}

struct Keeper(Arc<Mutex<Vec<Seen>>>);

/// Our own number of a span, which is never given again.
struct Place(usize);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Keeper {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target() == airssys_wasm::embed::SPANS
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let parent = span.parent();
        let parent = parent.and_then(|parent| parent.extensions().get::<Place>().map(|place| place.0 as u64));
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let mut all = self.0.lock().unwrap();
        let number = all.len();
        span.extensions_mut().insert(Place(number));
        all.push(Seen { id: number as u64, parent, name: span.name(), fields: fields.0 });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let place = context.span(id).unwrap().extensions().get::<Place>().unwrap().0;
        let mut fields = Fields::default();
        values.record(&mut fields);
        self.0.lock().unwrap()[place].fields.extend(fields.0);
    }
}

#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}
