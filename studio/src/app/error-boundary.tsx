import { Component, type ReactNode } from 'react';
import { ErrorNote } from '../ui/error-note.tsx';

/** A fault of ours in one view leaves the others usable. */
export class ErrorBoundary extends Component<{ readonly children: ReactNode }, { readonly error: unknown }> {
  override state: { readonly error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return (
      <div className="page">
        <h1>This view broke</h1>
        <ErrorNote error={this.state.error} action={{ label: 'Load it again', run: () => location.reload() }} />
      </div>
    );
  }
}
