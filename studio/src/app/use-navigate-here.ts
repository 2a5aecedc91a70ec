import { useCallback, useEffect, useRef } from 'react';
import { useLocation } from 'wouter';

/** Goes to where an answer leads, unless whoever asked has left the view meanwhile. */
export function useNavigateHere(): (to: string) => void {
  const [, navigate] = useLocation();
  const here = useRef(false);
  useEffect(() => {
    here.current = true;
    return () => {
      here.current = false;
    };
  }, []);
  return useCallback((to) => (here.current ? navigate(to) : undefined), [navigate]);
}
