"""The plain design: Django REST framework as its tutorial and most teams would have it, without our tricks.

simplejwt with its own user look-up, a ModelViewSet whose `create` locks the card, and SUMs for the month's limit and for the balance. It
writes one row for a swipe, where we write six.
"""
