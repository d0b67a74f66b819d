mod debug;
mod differential;
mod reader;
