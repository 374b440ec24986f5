//! Stories: the real server, real sockets, one file each.

mod hostile;
mod kill;
mod live;
mod newcomer;
mod storm;
