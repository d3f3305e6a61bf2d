# SPDX-License-Identifier: Apache-2.0
"""Beds: disposable copies of a root tree in which real tools do real things.

``with opened(Bed(root="/", ...)) as bed: bed.guest.run(("id",))``.  Needs Linux and root.
"""
