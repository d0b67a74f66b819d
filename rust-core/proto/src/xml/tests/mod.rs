mod differential;
mod reader;
