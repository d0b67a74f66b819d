mod borders;
mod debug;
mod differential;
mod reader;
mod refusal;
