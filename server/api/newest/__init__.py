"""The newest observation of every datastream, told fast however many there are."""
