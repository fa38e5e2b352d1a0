"""What lies where: fields, villages, farms, woods and water, drawn by districts, or read from a real map."""
