"""What a found model is served with elsewhere: a folder that needs no automtl."""
