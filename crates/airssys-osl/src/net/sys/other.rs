//! Where there is no way yet to watch sockets: none can be opened, and all that could be done with one is moot.

use crate::net::NetError;
use crate::net::types::{Family, Shutdown, SocketOption};
use crate::resource::Transport;
use std::io;
use std::net::SocketAddr;
use tokio::runtime::Handle;

#[derive(Debug)]
pub(in crate::net) enum Socket {}

#[derive(Debug)]
pub(in crate::net) enum Io {}

impl Socket {
    pub(in crate::net) fn open(_: Family, _: Transport) -> Result<Socket, NetError> {
        Err(NetError::NotSupported)
    }
    pub(in crate::net) fn bind(&self, _: SocketAddr, _: Transport) -> io::Result<()> {
        match *self {}
    }
    pub(in crate::net) fn listen(&self, _: i32) -> io::Result<()> {
        match *self {}
    }
    pub(in crate::net) fn connect(&self, _: SocketAddr) -> io::Result<()> {
        match *self {}
    }
    pub(in crate::net) fn connected(&self) -> io::Result<()> {
        match *self {}
    }
    pub(in crate::net) fn accept(&self) -> io::Result<(Socket, SocketAddr)> {
        match *self {}
    }
    pub(in crate::net) fn receive(&self, _: &mut [u8]) -> io::Result<usize> {
        match *self {}
    }
    pub(in crate::net) fn send(&self, _: &[u8]) -> io::Result<usize> {
        match *self {}
    }
    pub(in crate::net) fn receive_from(&self, _: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        match *self {}
    }
    pub(in crate::net) fn send_to(&self, _: &[u8], _: SocketAddr) -> io::Result<usize> {
        match *self {}
    }
    pub(in crate::net) fn shutdown(&self, _: Shutdown) -> io::Result<()> {
        match *self {}
    }
    pub(in crate::net) fn abort(&self) {
        match *self {}
    }
    pub(in crate::net) fn local(&self) -> io::Result<SocketAddr> {
        match *self {}
    }
    pub(in crate::net) fn option(&self, _: SocketOption) -> io::Result<u64> {
        match *self {}
    }
    pub(in crate::net) fn set_option(&self, _: SocketOption, _: u64) -> io::Result<()> {
        match *self {}
    }
}

impl Io {
    pub(in crate::net) fn new(socket: Socket) -> Result<Io, NetError> {
        match socket {}
    }
    pub(in crate::net) fn socket(&self) -> &Socket {
        match *self {}
    }
    pub(in crate::net) fn runtime(&self) -> &Handle {
        match *self {}
    }
    pub(in crate::net) fn try_read<R>(&self, _: impl FnMut(&Socket) -> io::Result<R>) -> io::Result<R> {
        match *self {}
    }
    pub(in crate::net) fn try_write<R>(&self, _: impl FnMut(&Socket) -> io::Result<R>) -> io::Result<R> {
        match *self {}
    }
    pub(in crate::net) fn has_room(&self) -> bool {
        match *self {}
    }
    pub(in crate::net) async fn readable(&self) {
        match *self {}
    }
    pub(in crate::net) async fn writable(&self) {
        match *self {}
    }
}
