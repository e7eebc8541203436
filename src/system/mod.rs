//! The machine around the program: the service manager, its watchdog, the board and what is wired to it, the cores, and
//! the programs that update and test it.

pub mod addresses;
pub mod board;
pub mod health;
pub mod inspection;
pub mod notify;
pub mod passed_sockets;
pub mod self_test_result;
pub mod state_file;
pub mod surroundings;
pub mod thermal;
pub mod threads;
pub mod update_state;
pub mod upkeep;
pub mod wiring;
