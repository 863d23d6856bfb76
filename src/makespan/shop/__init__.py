"""Factory and project systems: methods of papers for machines, shops and projects."""
