//! The limits there are: one table, from which each layer makes its own type.

use serde::{Deserialize, Serialize};
use std::num::NonZeroU64;

/// Hands the table to the macro `$then`: what each key limits, its name, what is granted unless the host says
/// otherwise, and its unit in words.
macro_rules! limit_keys {
    ($then:ident) => {
        $then! {
            /// Linear memory of all its core instances together, MiB.
            memory_mib = 256, "MiB of memory";
            /// Elements in all its tables together.
            table_elements = 1_000_000, "elements in tables";
            /// Core instances, those of the components inside it among them.
            instances = 256, "core instances";
            /// Tables of all its core instances together.
            tables = 64, "tables";
            /// Linear memories of all its core instances together.
            memories = 16, "memories";
            /// Handles of the host's that it holds at once. Its instances' own tables hold twice as many entries at
            /// most: each handle once, and once more while a call borrows it.
            handles = 10_000, "handles";
            /// Files, directories and listings open at once.
            open_files = 256, "open files";
            /// Sockets open at once.
            sockets = 256, "open sockets";
            /// Bytes that one call hands over to the host.
            host_call_bytes = 134_217_728, "bytes handed over in one call";
            /// Stack of the guest's code, KiB. One size for a runtime: a manifest cannot ask for less.
            stack_kib = 512, "KiB of stack";
            /// Processor time of one call, milliseconds, counted in ticks of 10 ms.
            cpu_ms = 60_000, "ms of processor";
            /// Time on the wall of one call, milliseconds.
            wall_ms = 3_600_000, "ms in all";
            /// Bytes to standard output and error together: so many at once, and so many more each second.
            output_bytes_per_second = 1_073_741_824, "bytes of output a second";
            /// Random bytes of one call.
            random_bytes_per_call = 1_048_576, "random bytes in one call";
            /// Bytes read from files, sockets and standard input together, as long as the instance lives.
            read_bytes_total = 1_099_511_627_776, "bytes read in total";
            /// Bytes written to files, sockets and standard streams together, as long as the instance lives.
            write_bytes_total = 1_099_511_627_776, "bytes written in total";
        }
    };
}
pub(crate) use limit_keys;

macro_rules! requested {
    ($($(#[$doc:meta])* $key:ident = $default:literal, $unit:literal;)*) => {
        /// The table `[limits]` of a manifest or of the host's configuration: absent means the host's own.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        #[non_exhaustive]
        pub struct Limits {
            $($(#[$doc])* pub $key: Option<NonZeroU64>,)*
        }

        impl Limits {
            /// Every key, with its value where it has one and its unit in words.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, Option<NonZeroU64>, &'static str)> {
                [$((stringify!($key), self.$key, $unit)),*].into_iter()
            }
        }
    };
}
limit_keys!(requested);

#[cfg(test)]
mod tests {
    use super::super::Manifest;
    use super::Limits;
    use std::num::NonZeroU64;

    const GOOD: &str =
        "[component]\nname = 'thumb'\npublisher = 'acme'\nversion = '1.4.0'\nrelease = 7\n[limits]\n";

    #[test]
    fn each_key_is_refused_with_zero_and_with_less_and_read_otherwise() {
        for (key, _, _) in Limits::default().each() {
            for bad in ["0", "-1", "1.5", "'1'"] {
                let said = Manifest::parse(&format!("{GOOD}{key} = {bad}"), "plugin.toml").unwrap_err();
                assert!(said.to_string().starts_with("plugin.toml:7:"), "{said}");
            }
            let manifest = Manifest::parse(&format!("{GOOD}{key} = 7"), "plugin.toml").unwrap();
            let read: Vec<_> = manifest.limits.each().filter(|(_, value, _)| value.is_some()).collect();
            assert_eq!(read.len(), 1);
            assert_eq!((read[0].0, read[0].1), (key, NonZeroU64::new(7)));
        }
        let said = Manifest::parse(&format!("{GOOD}handles = 7\nfuel = 3"), "plugin.toml").unwrap_err();
        assert!(said.to_string().starts_with("plugin.toml:8:1: unknown field `fuel`"), "{said}");
    }
}
