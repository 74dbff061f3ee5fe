"""Three workflows as hosts write them: sound, so that whatever is found in them is a false alarm."""
