//! Which types of the bindings hold handles: a type that is not here cannot cross the boundary.

use crate::host::bindings::sockets::{network, udp};
use crate::host::bindings::{clocks, filesystem::types};
use crate::kernel::no_handles;

no_handles!(
    Result<(), ()>,
    clocks::wall_clock::Datetime,
    types::Advice,
    types::DescriptorFlags,
    types::DescriptorStat,
    types::DescriptorType,
    types::MetadataHashValue,
    types::NewTimestamp,
    types::OpenFlags,
    types::PathFlags,
    types::DirectoryEntry,
    types::ErrorCode,
    network::IpAddress,
    network::IpAddressFamily,
    network::IpSocketAddress,
    Vec<udp::IncomingDatagram>,
);
